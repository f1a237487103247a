// Asks a wallet through the browser, where it can: W3C Digital Credentials API.
// Everything else on the page works without this.
"use strict";

const supported = "DigitalCredential" in window && "credentials" in navigator;

for (const button of document.querySelectorAll("button[data-digital]")) {
  button.hidden = !supported;
  button.addEventListener("click", () => ask(button));
}

async function ask(button) {
  button.disabled = true;
  try {
    const answer = await navigator.credentials.get({
      mediation: "required",
      digital: { requests: JSON.parse(button.dataset.digital) },
    });
    const response = await fetch(button.dataset.endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ protocol: answer.protocol, data: answer.data }),
    });
    // The page says what came of it; a refusal is told by its kind alone.
    if (response.ok) {
      location.reload();
    } else {
      location.search = "?refused=" + (response.status === 422 ? "reason_wallet" : "reason_provider");
    }
  } catch {
    button.disabled = false; // the person went back, or no wallet has it
  }
}
