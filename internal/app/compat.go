package app

import "github.com/breakwater-project/breakwater/internal/compat"

// addCompat adds the drop-in endpoints.
func (a *App) addCompat() {
	compat.New(compat.Options{
		Text:      func() compat.Text { return a.text.Load() },
		Language:  func(string) string { return "" },
		Languages: []string{"ar", "de", "en", "es", "fr", "hi", "it", "nl", "pl", "pt", "ru", "tr"}, // of the term banks
		Metrics:   a.watch.Metrics,
	}).Routes(a.api)
}
