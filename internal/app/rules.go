package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
	"github.com/breakwater-project/breakwater/internal/detect/judge"
	"github.com/breakwater-project/breakwater/internal/detect/link"
	"github.com/breakwater-project/breakwater/internal/detect/media"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/policies"
)

// Rules is what decides: a bundle, and the detectors that its rules read.
type Rules struct {
	Bundle *policy.Bundle
	Detect *detect.Set
	Text   *text.Detector // one of Detect
}

// LoadRules reads the bundle in a folder, or the default bundle where dir is
// "". Term and host banks come from the folder's terms/ and hosts/, or are the
// shipped ones where it has none, and so does the text model, from text.model. The error lists every fault with its file,
// line and column. Each of more adds detectors, given the one of texts.
func LoadRules(dir string, everywhere []string, options detect.Options, more ...func(*text.Detector) []detect.Detector) (*Rules, error) {
	var operator fs.FS
	if dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("policy: %s is not a folder", dir)
		}
		operator = os.DirFS(dir)
	}
	terms, termsErr := term.Load(bank(operator, "terms"))
	hosts, hostsErr := link.Load(bank(operator, "hosts"))
	if err := errors.Join(termsErr, hostsErr); err != nil {
		return nil, err
	}
	words, err := openText(operator, terms)
	if err != nil {
		return nil, err
	}
	detectors := []detect.Detector{words, link.New(hosts)}
	for _, f := range more {
		detectors = append(detectors, f(words)...)
	}
	set, err := detect.New(detectors, options)
	if err != nil {
		return nil, err
	}
	bundle, err := policy.Load(operator, policy.Options{
		Shipped: policies.FS, Parts: policies.Parts(), Signals: slices.Concat(set.Signals(), judge.Signals(), media.Signals(), conversation.Signals()), Everywhere: everywhere,
	})
	if err != nil {
		return nil, err
	}
	return &Rules{Bundle: bundle, Detect: set, Text: words}, nil
}

// modelFile is an operator's own text model in the folder of the bundle, as
// `breakwater text train` writes it.
const modelFile = "text.model"

// openText puts the operator's own model beside the terms, or the shipped one.
func openText(operator fs.FS, terms *term.Banks) (*text.Detector, error) {
	if operator == nil {
		return text.New(terms)
	}
	data, err := fs.ReadFile(operator, modelFile)
	if errors.Is(err, fs.ErrNotExist) {
		return text.New(terms)
	}
	if err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	m, err := model.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", modelFile, err)
	}
	return text.NewWith(terms, m)
}

// bank is the operator's own folder of banks, or the shipped one.
func bank(operator fs.FS, name string) fs.FS {
	if operator != nil {
		if info, err := fs.Stat(operator, name); err == nil && info.IsDir() {
			return sub(operator, name)
		}
	}
	return sub(policies.FS, name)
}

func sub(fsys fs.FS, name string) fs.FS {
	s, err := fs.Sub(fsys, name)
	if err != nil {
		panic(err) // only for an invalid name
	}
	return s
}

// loadRules reads what the configuration names.
func (a *App) loadRules() (*Rules, error) {
	failures := a.failures
	return LoadRules(a.cfg.Policy.Dir, a.cfg.Policy.Everywhere, detect.Options{
		Deadline: a.cfg.Detect.Deadline, Deadlines: a.deadlines(),
		Observe: func(detector string, _ time.Duration, why string) {
			if why != "" {
				failures.WithLabelValues(detector).Inc()
			}
		},
	}, a.secondTier, a.judgeDetector, a.mediaDetectors)
}
