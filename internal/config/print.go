package config

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTo writes the effective configuration as YAML: each setting with where
// it comes from, secrets masked. Without its secrets it can be read again.
func (c *Config) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	group := ""
	for _, s := range c.settings {
		in, name, nested := strings.Cut(s.Name, ".")
		indent := "  "
		if !nested {
			in, name, indent = "", s.Name, ""
		}
		if in != group {
			group = in
			fmt.Fprintf(table, "%s:\n", in)
		}
		from := string(s.Origin)
		if s.Origin != FromDefault {
			from += " " + s.where
		}
		fmt.Fprintf(table, "%s%s: %s\t# %s\n", indent, name, s.yaml(), from)
	}
	if err := table.Flush(); err != nil {
		return 0, err
	}
	return b.WriteTo(w)
}

// yaml is the value as YAML reads it back.
func (s *Setting) yaml() string {
	switch v := s.field.Interface().(type) {
	case string:
		return strconv.Quote(v)
	case Secret:
		return strconv.Quote(v.String())
	case []string:
		quoted := make([]string, len(v))
		for i, item := range v {
			quoted[i] = strconv.Quote(item)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return s.Value
}
