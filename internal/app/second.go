package app

import (
	"log/slog"
	"path/filepath"

	"github.com/breakwater-project/breakwater/internal/compat"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/embed"
	"github.com/breakwater-project/breakwater/internal/detect/text"
)

// openSecondTier reads the encoder of the second tier of text detection, where
// there is a folder of models.
func (a *App) openSecondTier() (err error) {
	if a.cfg.Detect.Models == "" {
		return nil
	}
	if a.heads, err = embed.Shipped(); err != nil {
		return err
	}
	a.encoder, err = embed.Open(filepath.Join(a.cfg.Detect.Models, embed.Folder))
	return err
}

// secondTier is the second tier over the first; none, and a warning, where its heads
// were trained over another model.
func (a *App) secondTier(words *text.Detector) []detect.Detector {
	if a.encoder == nil {
		return nil
	}
	if words.Model() != a.heads.Model {
		a.watch.Log.Warn("the second tier of text detection is off: it was trained over another model",
			slog.String("model", words.Model()), slog.String("trained_over", a.heads.Model))
		return nil
	}
	return []detect.Detector{embed.NewDetector(words, a.encoder, a.heads)}
}

// scorer is what scores texts now: both tiers, or the first.
func (a *App) scorer() compat.Text {
	words := a.text.Load()
	if a.encoder == nil || words.Model() != a.heads.Model {
		return words
	}
	return embed.NewDetector(words, a.encoder, a.heads)
}
