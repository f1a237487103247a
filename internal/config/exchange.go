package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Exchanges are the lists of known hashes that are fetched from others, by the
// operator's names for them. In the file it is a group of groups; in a
// variable the same as YAML or JSON.
type Exchanges map[string]Exchange

// Exchange is one list that is fetched from others.
type Exchange struct {
	Protocol string        // ncmec, stopncii, threatexchange, tcap or file
	Bank     string        // where its entries go
	URL      string        // in place of the protocol's own; of a file its path or https address
	Every    time.Duration // between two syncs
	User     string        // ncmec, tcap
	Password Secret        // ncmec, tcap
	Token    Secret        // threatexchange; of a file what goes into an Authorization header
	Group    string        // threatexchange: the privacy group
	Kind     string        // file: of lines that name none

	SubscriptionKey Secret // stopncii
	FetchKey        Secret // stopncii
	FeedbackKey     Secret // stopncii; without, no feedback is sent
}

const (
	everyDefault = 15 * time.Minute
	everyLeast   = time.Minute
	everyMost    = 24 * time.Hour
)

// needs are the settings that each protocol can't do without.
func needs(protocol string) ([]string, bool) {
	switch protocol {
	case "ncmec", "tcap":
		return []string{"bank", "user", "password"}, true
	case "stopncii":
		return []string{"bank", "subscription_key", "fetch_key"}, true
	case "threatexchange":
		return []string{"bank", "group", "token"}, true
	case "file":
		return []string{"bank", "url"}, true
	}
	return nil, false
}

// text is the setting of that name, nil if there is none or it is no text.
func (e *Exchange) text(name string) *string {
	switch name {
	case "protocol":
		return &e.Protocol
	case "bank":
		return &e.Bank
	case "url":
		return &e.URL
	case "user":
		return &e.User
	case "group":
		return &e.Group
	case "kind":
		return &e.Kind
	}
	return (*string)(e.secret(name))
}

func (e *Exchange) secret(name string) *Secret {
	switch name {
	case "password":
		return &e.Password
	case "token":
		return &e.Token
	case "subscription_key":
		return &e.SubscriptionKey
	case "fetch_key":
		return &e.FetchKey
	case "feedback_key":
		return &e.FeedbackKey
	}
	return nil
}

var exchangeName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// UnmarshalText reads YAML or JSON. Its errors repeat no value.
func (x *Exchanges) UnmarshalText(text []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return errors.New("must be exchanges by name, as YAML or JSON")
	}
	if len(doc.Content) == 0 {
		*x = nil
		return nil
	}
	return x.readNode(doc.Content[0])
}

// readNode reads the group of groups.
func (x *Exchanges) readNode(node *yaml.Node) error {
	if empty(node) {
		*x = nil
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return errors.New("must be exchanges by name")
	}
	all := Exchanges{}
	var faults []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i].Value
		e, err := readExchange(node.Content[i+1])
		switch _, twice := all[name]; {
		case !exchangeName.MatchString(name):
			err = errors.New("a name must be small letters, digits, . _ and -")
		case twice:
			err = errors.New("is set twice")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s (line %d): %w", name, node.Content[i].Line, err))
		}
		all[name] = e
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	*x = all
	return nil
}

func readExchange(node *yaml.Node) (Exchange, error) {
	e := Exchange{Every: everyDefault}
	if node.Kind != yaml.MappingNode {
		return e, errors.New("must be settings by name")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i].Value, node.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return e, fmt.Errorf("%s must be one value", name)
		}
		if name == "every" {
			d, err := time.ParseDuration(value.Value)
			if err != nil || d < everyLeast || d > everyMost {
				return e, fmt.Errorf("every must be a duration from %s to %s", everyLeast, everyMost)
			}
			e.Every = d
			continue
		}
		to := e.text(name)
		if to == nil {
			return e, fmt.Errorf("unknown key %s", name)
		}
		*to = value.Value
	}
	required, known := needs(e.Protocol)
	if !known {
		return e, errors.New("protocol must be one of ncmec, stopncii, threatexchange, tcap, file")
	}
	for _, name := range required {
		if *e.text(name) == "" {
			return e, fmt.Errorf("%s needs %s", e.Protocol, name)
		}
	}
	return e, nil
}

// String is one line of JSON, which is YAML too, with secrets masked.
func (x Exchanges) String() string {
	texts := []string{"protocol", "bank", "url", "user", "group", "kind"}
	secrets := []string{"password", "token", "subscription_key", "fetch_key", "feedback_key"}
	var b strings.Builder
	b.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(x)) {
		if i > 0 {
			b.WriteString(", ")
		}
		e := x[name]
		fmt.Fprintf(&b, "%s: {every: %s", name, e.Every)
		for _, key := range texts {
			if value := *e.text(key); value != "" {
				quoted, _ := json.Marshal(value) // a string can't fail
				fmt.Fprintf(&b, ", %s: %s", key, quoted)
			}
		}
		for _, key := range secrets {
			if value := *e.secret(key); value != "" {
				fmt.Fprintf(&b, ", %s: %q", key, value.String())
			}
		}
		b.WriteString("}")
	}
	b.WriteString("}")
	return b.String()
}

// Format keeps secrets out of every fmt verb.
func (x Exchanges) Format(f fmt.State, _ rune) { fmt.Fprint(f, x.String()) }
