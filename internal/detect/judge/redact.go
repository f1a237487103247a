package judge

import "regexp"

// What is taken out of a text before it is sent, and what stands in its place.
var redactions = []struct {
	pattern *regexp.Regexp
	stands  string
}{
	{regexp.MustCompile(`(?i)\b(?:https?://|www\.)\S+`), "[link]"},
	{regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`), "[mail]"},
	{regexp.MustCompile(`@[\pL\pN_.-]{2,}`), "[name]"},
	{regexp.MustCompile(`\+?\p{Nd}(?:[\s().\-/]{0,2}\p{Nd}){5,}`), "[number]"},
}

// redact takes addresses, names of accounts and long numbers out of a text.
func redact(text string) string {
	for _, r := range redactions {
		text = r.pattern.ReplaceAllLiteralString(text, r.stands)
	}
	return text
}

// steering is how texts speak that want to be judged kindly. A model may not
// notice; one that notices says so itself.
var steering = regexp.MustCompile(`(?is)` +
	`"?violates"?\s*[:=]\s*"?(?:false|true)|seeks_help|\bseverity"?\s*[:=]\s*[0-3]` +
	`|\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instruction|instructions|policy|policies|prompt|rules|above)\b` +
	`|\b(?:system|developer)\s+(?:prompt|message|override)\b` +
	`|<\|?/?(?:im_start|im_end|system|assistant|user|content|end_of_text)\b` +
	`|\byou\s+are\s+(?:now\s+)?(?:the|a|an)\s+(?:judge|moderator|classifier|content\s+moderation)\b`)

func steers(text string) bool { return steering.MatchString(text) }
