package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"time"
)

//go:embed pages/*.html assets/*
var files embed.FS

// pages are the pages, drawn once: nothing in them depends on who asks.
type pages map[string][]byte

// loadPages draws each page with the frame that all share. The files are part
// of the program, so a fault in one is a fault of the program.
func loadPages() pages {
	drawn := pages{}
	for _, name := range []string{"live", "landing", "signedin", "signedout"} {
		t := template.Must(template.ParseFS(files, "pages/frame.html", "pages/"+name+".html"))
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, "frame", outcomes()); err != nil {
			panic(err)
		}
		drawn[name] = b.Bytes()
	}
	return drawn
}

func (p pages) show(w http.ResponseWriter, status int, name string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(p[name]) // who went away needs no page
}

// asset serves the page's own script, style and icon.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	types := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
	name := r.PathValue("file")
	data, err := files.ReadFile("assets/" + name)
	if err != nil || types[path.Ext(name)] == "" {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(data)
	w.Header().Set("Content-Type", types[path.Ext(name)])
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache") // ask whether it changed
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}
