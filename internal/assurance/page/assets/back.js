// Posts what a provider put into the address's fragment, which no server is
// shown, to where this page stands; and takes it out of the history.
"use strict";

const answer = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

const form = document.getElementById("answer");
for (const name of ["state", "id_token", "error"]) {
  if (answer.has(name)) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = answer.get(name);
    form.append(field);
  }
}
form.submit();
