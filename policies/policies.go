// Package policies embeds what Breakwater ships: the parts that a bundle can
// extend (rules, with their tests beside them), the term banks and the host
// banks of the text detectors.
package policies

import (
	"embed"
	"slices"
)

// FS has one directory for each part, and terms and hosts.
//
//go:embed */*
var FS embed.FS

// Parts lists the parts of the default bundle, sorted.
func Parts() []string {
	entries, err := FS.ReadDir(".")
	if err != nil {
		panic("policies: the embedded root is not readable: " + err.Error())
	}
	var parts []string
	for _, entry := range entries {
		if entry.IsDir() && !slices.Contains([]string{"terms", "hosts"}, entry.Name()) {
			parts = append(parts, entry.Name())
		}
	}
	return parts
}
