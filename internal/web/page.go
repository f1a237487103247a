package web

import (
	"net/http"
	"strings"
)

// Protect sets the headers that a page for people has: nothing from elsewhere,
// nothing inline, nothing framed, nothing remembered by caches. The policy is
// what pages differ in of their Content-Security-Policy: scripts, images and
// where forms lead. Permissions are features that the page may use besides.
func Protect(h http.Header, policy string, permissions ...string) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; connect-src 'self'; "+policy+
		"; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", strings.Join(append([]string{"camera=()", "geolocation=()", "microphone=()"}, permissions...), ", "))
	h.Set("Cache-Control", "no-store")
}
