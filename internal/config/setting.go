package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Origin is where the value of a setting comes from.
type Origin string

// The origins, the later over the earlier.
const (
	FromDefault Origin = "default"
	FromFile    Origin = "file"
	FromEnv     Origin = "env"
	FromFlag    Origin = "flag"
)

// Setting is one setting and its effective value.
type Setting struct {
	Name    string // "limits.burst"
	Env     string // "BREAKWATER_LIMITS_BURST"
	Doc     string // one line
	Default string
	Value   string // masked if Secret
	Origin  Origin
	Secret  bool

	where string // "breakwater.yaml:3", "BREAKWATER_ADDR", "--addr", "default"
	field reflect.Value
	tag   reflect.StructTag
}

// Settings lists every setting in the order of Config.
func (c *Config) Settings() []Setting {
	list := make([]Setting, len(c.settings))
	for i, s := range c.settings {
		list[i] = *s
	}
	return list
}

// bind finds the settings in c's fields and gives each its default.
func (c *Config) bind() []error {
	c.settings = settingsOf(reflect.ValueOf(c).Elem(), "")
	var faults []error
	for _, s := range c.settings {
		if err := s.set(s.Default, FromDefault, "default"); err != nil && s.Default != "" {
			faults = append(faults, err)
		}
	}
	return faults
}

func settingsOf(group reflect.Value, prefix string) []*Setting {
	var list []*Setting
	for i := range group.NumField() {
		f := group.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			list = append(list, settingsOf(group.Field(i), prefix+name+".")...)
			continue
		}
		name = prefix + name
		list = append(list, &Setting{
			Name:    name,
			Env:     prefixVariable + strings.ToUpper(strings.ReplaceAll(name, ".", "_")),
			Doc:     f.Tag.Get("doc"),
			Default: f.Tag.Get("default"),
			Secret:  f.Type == reflect.TypeFor[Secret](),
			field:   group.Field(i),
			tag:     f.Tag,
		})
	}
	return list
}

// setting is the setting of that name, nil if there is none.
func (c *Config) setting(name string) *Setting {
	for _, s := range c.settings {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// set gives s a value from text, where says for the error where it stands.
func (s *Setting) set(text string, origin Origin, where string) error {
	if s.field.Kind() == reflect.Slice {
		var items []string
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		return s.setList(items, origin, where)
	}
	err := parse(s.field, text)
	if err == nil {
		err = s.bound(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", where, s.Name, err)
	}
	s.Value, s.Origin, s.where = fmt.Sprint(s.field.Interface()), origin, where
	return nil
}

func (s *Setting) setList(items []string, origin Origin, where string) error {
	if s.field.Kind() != reflect.Slice {
		return fmt.Errorf("%s: %s: must be one value, not a list", where, s.Name)
	}
	s.field.Set(reflect.ValueOf(items))
	s.Value, s.Origin, s.where = "["+strings.Join(items, ", ")+"]", origin, where
	return nil
}

// parse reads text into field. Its errors never repeat the text.
func parse(field reflect.Value, text string) error {
	switch v := field.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration, for example 150ms or 10s")
		}
		*v = d
		return nil
	case encoding.TextUnmarshaler:
		return v.UnmarshalText([]byte(text))
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("must be a whole number")
		}
		field.SetInt(int64(n))
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("must be a number")
		}
		field.SetFloat(f)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		field.SetBool(text == "true")
	default:
		return fmt.Errorf("a setting cannot be a %s", field.Type())
	}
	return nil
}

// bound holds s to its min and oneof tags.
func (s *Setting) bound(text string) error {
	if names, ok := s.tag.Lookup("oneof"); ok {
		for name := range strings.SplitSeq(names, ",") {
			if text == name {
				return nil
			}
		}
		return errors.New("must be one of " + strings.ReplaceAll(names, ",", ", "))
	}
	least, ok := s.tag.Lookup("min")
	if !ok {
		return nil
	}
	limit := reflect.New(s.field.Type()).Elem()
	if err := parse(limit, least); err != nil {
		return err
	}
	if s.field.Int() < limit.Int() {
		return errors.New("must be at least " + least)
	}
	return nil
}
