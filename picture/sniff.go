package picture

import (
	"net/http"
	"strings"
)

// Sniff gives the type of a file from how it begins, of which 512 bytes are
// enough: image/…, also where it is not decoded, video/…, or "" for all others.
func Sniff(head []byte) string {
	if len(head) >= 12 && string(head[4:8]) == "ftyp" { // a family: MP4, QuickTime, HEIC, AVIF, AAC
		switch brand := string(head[8:12]); brand {
		case "avif", "avis":
			return "image/avif"
		case "heic", "heix", "hevc", "heim", "heis", "hevm", "hevs":
			return "image/heic"
		case "mif1", "msf1":
			return "image/heif"
		case "M4A ", "M4B ", "M4P ":
			return ""
		case "qt  ":
			return "video/quicktime"
		}
		return "video/mp4"
	}
	mime := http.DetectContentType(head)
	if strings.HasPrefix(mime, "image/") || strings.HasPrefix(mime, "video/") {
		return mime
	}
	return ""
}
