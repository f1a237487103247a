package browser

import "testing"

// TestHelpPages reads the guides for hard moments as a person does. The tests
// are in help.test.js.
func TestHelpPages(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	needs(t)
	built(t)
	command(t, "node", "--test", "--test-reporter=spec", "help.test.js")
}
