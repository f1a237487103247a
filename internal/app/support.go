package app

import "github.com/breakwater-project/breakwater/internal/support"

// addSupport adds the guides for hard moments, and their page.
func (a *App) addSupport() error {
	o := support.Options{Bundle: a.Engine.Rules.Bundle, Leave: a.cfg.Support.Leave}
	if a.cfg.Media.OwnImageBank != "" {
		o.OwnImage = "/own-image"
	}
	s, err := support.New(o)
	if err != nil {
		return err
	}
	s.Routes(a.api)
	return nil
}
