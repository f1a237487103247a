package support

import (
	"bytes"
	"net/http"
	"slices"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/web"
)

func (s *Support) pageRoutes(api *web.API) {
	for _, p := range []struct {
		path, id string
		answer   http.HandlerFunc
	}{
		{"/help/{guide}", "help-page", s.show},
		{"/help/assets/help.css", "help-style", style},
	} {
		web.Handle(api, web.Operation{Method: http.MethodGet, Path: p.path, ID: p.id, Public: true, Hidden: true}, p.answer)
	}
}

// view is what the page shows.
type view struct {
	*text
	Guide     Guide
	Languages []*text
	Countries []country
	Country   string
	Resources []policy.Resource
	Others    []Guide
	OwnImage  string
	Leave     string
}

type country struct{ Code, Name string }

// show draws a guide for ?lang= or the browser's language, and ?country=. The
// page works without scripts, cookies and referrers, and tells nobody about
// who reads it.
func (s *Support) show(w http.ResponseWriter, r *http.Request) {
	t := s.in(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	i := slices.IndexFunc(s.subjects, func(sub subject) bool { return sub.id == r.PathValue("guide") })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	sub, bundle := s.subjects[i], s.bundle()
	v := view{
		text: t, Guide: t.Guides[sub.id], Languages: s.texts, OwnImage: s.ownImage, Leave: s.leave,
		Countries: countries(t.Tag, bundle.HelpCountries(sub.topics)),
	}
	if wanted := r.URL.Query().Get("country"); slices.ContainsFunc(v.Countries, func(c country) bool { return c.Code == wanted }) {
		v.Country = wanted
	}
	v.Resources = bundle.Help(sub.topics, v.Country, t.Tag, 0, event.MaxAge)
	for _, other := range s.subjects {
		if g := t.Guides[other.id]; other.id != sub.id && !g.Moment {
			v.Others = append(v.Others, g)
		}
	}
	var b bytes.Buffer
	if err := s.page.Execute(&b, v); err != nil { // the files are the program's own, and tested
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	web.Protect(h, "img-src 'self'; form-action 'self'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", t.Tag)
	h.Set("Vary", "Accept-Language")
	_, _ = w.Write(b.Bytes()) // who went away needs no page
}

// countries names them in that language, in the order of its names.
func countries(tag string, codes []string) []country {
	names := display.Regions(language.Make(tag))
	all := make([]country, len(codes))
	for i, code := range codes {
		all[i] = country{code, code}
		if region, err := language.ParseRegion(code); err == nil && names != nil {
			all[i].Name = names.Name(region)
		}
	}
	order := collate.New(language.Make(tag))
	slices.SortFunc(all, func(x, y country) int { return order.CompareString(x.Name, y.Name) })
	return all
}

// style serves how the page looks.
func style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache") // ask whether it changed
	http.ServeFileFS(w, r, files, "assets/help.css")
}
