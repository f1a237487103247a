package compat

import (
	"bytes"
	_ "embed"
	"net/http"
	"regexp"
)

// discovery describes Perspective's methods in the form that Google's own
// clients build themselves from; ROOT stands for this server's address.
//
//go:embed discovery.json
var discovery []byte

// host is an authority as it may stand in the description.
var host = regexp.MustCompile(`^[A-Za-z0-9.\-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// discover answers with the description, for the address that was asked.
func discover(w http.ResponseWriter, r *http.Request) {
	if !host.MatchString(r.Host) {
		http.Error(w, "the Host header is not a host", http.StatusBadRequest)
		return
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(bytes.ReplaceAll(discovery, []byte("ROOT"), []byte(scheme+"://"+r.Host))) //nolint:gosec // a host, in JSON; fails if the caller has gone
}
