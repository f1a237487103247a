package app

import "github.com/breakwater-project/breakwater/internal/compat"

// addCompat adds the drop-in endpoints.
func (a *App) addCompat() {
	compat.New(compat.Options{
		Text:      a.scorer,
		Languages: commentLanguages(),
		Pictures:  a.mediaDetectors(nil)[0],
		BodyLimit: int64(a.cfg.Limits.EventBytes),
		Metrics:   a.watch.Metrics,
	}).Routes(a.api)
}

// commentLanguages are those that there are terms in.
func commentLanguages() []string {
	return []string{"ar", "de", "en", "es", "fr", "hi", "it", "nl", "pl", "pt", "ru", "tr"}
}
