package ownimage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
	"golang.org/x/text/language"
)

// text is what the page says in one language, by key.
type text struct {
	Tag string // IETF BCP 47, from the file's name
	Say map[string]string
}

// loadTexts reads every language. Each says all that English says.
func loadTexts(fsys embed.FS) ([]*text, error) {
	names, err := fs.Glob(fsys, "texts/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("own image: %w", err)
	}
	var all []*text
	for _, name := range names {
		data, err := fsys.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("own image: %w", err)
		}
		t := &text{Tag: strings.TrimSuffix(path.Base(name), ".yaml")}
		if err := yaml.Unmarshal(data, &t.Say); err != nil {
			return nil, fmt.Errorf("own image: %s: %w", name, err)
		}
		if t.Tag == "en" {
			all = append([]*text{t}, all...) // the first is for whoever asks for one that there is not
		} else {
			all = append(all, t)
		}
	}
	return all, nil
}

// choose is the language that a request asks for: ?lang= over Accept-Language.
func (p *Page) choose(r *http.Request) *text {
	tags := make([]language.Tag, len(p.texts))
	for i, t := range p.texts {
		tags[i] = language.Make(t.Tag)
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	return p.texts[i]
}

// drawer draws the page.
type drawer struct{ page *template.Template }

func newDrawer(fsys embed.FS) (drawer, error) {
	t, err := template.New("page.html").Option("missingkey=error").ParseFS(fsys, "page.html")
	if err != nil {
		return drawer{}, fmt.Errorf("own image: %w", err)
	}
	return drawer{t}, nil
}

func (d drawer) draw(t *text, all []*text) ([]byte, error) {
	var b bytes.Buffer
	err := d.page.Execute(&b, struct {
		*text
		Languages []*text
	}{t, all})
	return b.Bytes(), err
}

func (p *Page) show(w http.ResponseWriter, r *http.Request) {
	t := p.choose(r)
	body, err := p.page.draw(t, p.texts)
	if err != nil { // the files are the program's own, and tested
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", t.Tag)
	w.Header().Set("Vary", "Accept-Language")
	_, _ = w.Write(body) // who went away needs no page
}

// asset serves one of the page's own files. The hasher is embedded compressed,
// and sent so to who takes it.
func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	types := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".wasm": "application/wasm",
	}
	name := r.PathValue("file")
	kind := types[path.Ext(name)]
	packed := path.Ext(name) == ".wasm"
	if packed {
		name += ".gz"
	}
	data, err := files.ReadFile("assets/" + name)
	if err != nil || kind == "" {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(data)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache") // ask whether it changed
	if packed {
		w.Header().Set("Vary", "Accept-Encoding")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			unpack(w, data)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}

func unpack(w http.ResponseWriter, data []byte) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		_, err = io.Copy(w, z) //nolint:gosec // G110: the file is the program's own
	}
	if err != nil {
		panic(http.ErrAbortHandler) // half a program must not look whole
	}
}
