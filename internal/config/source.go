package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/internal/fault"
)

const (
	prefixVariable = "BREAKWATER_"
	fileVariable   = "BREAKWATER_CONFIG" // path of the file, where no flag names it
	testVariables  = "BREAKWATER_TEST_"  // the project's own tests
	keyVariable    = "BREAKWATER_KEY"    // an API key, for commands that call a server
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// readFile sets what the YAML file at path sets.
func (c *Config) readFile(path string) []error {
	f, err := os.Open(path)
	if err != nil {
		return []error{fmt.Errorf("configuration: %w", err)}
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return []error{fmt.Errorf("configuration: %w", err)}
	}
	file := filepath.Base(path)
	if len(data) > maxFile {
		return []error{fmt.Errorf("%s: larger than %d bytes", file, maxFile)}
	}
	return c.read(file, data)
}

// read sets what data, the content of file, sets.
func (c *Config) read(file string, data []byte) []error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return []error{fmt.Errorf("%s: %w", file, err)}
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return c.readGroup(file, "", doc.Content[0])
}

func (c *Config) readGroup(file, prefix string, node *yaml.Node) []error {
	at := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", file, n.Line) }
	if empty(node) {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return []error{fmt.Errorf("%s: %smust be settings by name", at(node), label(prefix))}
	}
	var faults []error
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := prefix + key.Value
		setting := c.setting(name)
		switch {
		case seen[name]:
			faults = append(faults, fmt.Errorf("%s: %s is set twice", at(key), name))
		case setting != nil:
			if err := setting.setNode(value, at(value)); err != nil {
				faults = append(faults, err)
			}
		case c.group(name):
			faults = append(faults, c.readGroup(file, name+".", value)...)
		default:
			faults = append(faults, fmt.Errorf("%s: unknown key %s%s", at(key), name, c.suggest(name, func(s *Setting) string { return s.Name })))
		}
		seen[name] = true
	}
	return faults
}

func (s *Setting) setNode(node *yaml.Node, where string) error {
	switch {
	case s.field.Kind() == reflect.Map:
		return s.setMap(node, where)
	case empty(node):
		return fmt.Errorf("%s: %s: has no value", where, s.Name)
	case node.Kind == yaml.ScalarNode:
		return s.set(node.Value, FromFile, where)
	case node.Kind == yaml.SequenceNode:
		var items []string
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return fmt.Errorf("%s: %s: must be a list of plain values", where, s.Name)
			}
			items = append(items, item.Value)
		}
		return s.setList(items, FromFile, where)
	}
	return fmt.Errorf("%s: %s: must be one value or a list", where, s.Name)
}

// setMap sets groups that have names of the operator's own.
func (s *Setting) setMap(node *yaml.Node, where string) error {
	groups := s.field.Addr().Interface().(interface{ readNode(node *yaml.Node) error })
	if err := groups.readNode(node); err != nil {
		return fmt.Errorf("%s: %s: %w", where, s.Name, err)
	}
	s.Value, s.Origin, s.where = fmt.Sprint(s.field.Interface()), FromFile, where
	return nil
}

func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func label(prefix string) string {
	if prefix == "" {
		return ""
	}
	return strings.TrimSuffix(prefix, ".") + ": "
}

// group is whether settings live under name.
func (c *Config) group(name string) bool {
	return slices.ContainsFunc(c.settings, func(s *Setting) bool { return strings.HasPrefix(s.Name, name+".") })
}

// variables picks ours from environ and says which of them mean nothing.
func (c *Config) variables(environ []string) (map[string]string, []error) {
	ours := map[string]string{}
	var unknown []error
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, prefixVariable) || strings.HasPrefix(name, testVariables) || name == keyVariable {
			continue
		}
		env := func(s *Setting) string { return s.Env }
		if name != fileVariable && !slices.ContainsFunc(c.settings, func(s *Setting) bool { return s.Env == name }) {
			unknown = append(unknown, fmt.Errorf("%s: unknown variable%s", name, c.suggest(name, env)))
			continue
		}
		if value != "" {
			ours[name] = value
		}
	}
	return ours, unknown
}

func (c *Config) readVariables(values map[string]string) []error {
	var faults []error
	for _, s := range c.settings {
		if value, ok := values[s.Env]; ok {
			if err := s.set(value, FromEnv, s.Env); err != nil {
				faults = append(faults, err)
			}
		}
	}
	return faults
}

func (c *Config) readFlags(values map[string]string) []error {
	var faults []error
	left := len(values)
	for _, s := range c.settings {
		if value, ok := values[s.Name]; ok {
			left--
			if err := s.set(value, FromFlag, "--"+s.Name); err != nil {
				faults = append(faults, err)
			}
		}
	}
	if left > 0 {
		faults = append(faults, errors.New("a flag sets what is no setting"))
	}
	return faults
}

// suggest names the setting that a misspelt name most likely means.
func (c *Config) suggest(name string, of func(*Setting) string) string {
	names := make([]string, len(c.settings))
	for i, s := range c.settings {
		names[i] = of(s)
	}
	if best := fault.Nearest(name, names); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}
