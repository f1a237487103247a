package main

import (
	"github.com/breakwater-project/breakwater/internal/detect/embed"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
)

// renamed are labels that the data names otherwise.
var renamed = map[string][]text.Label{
	"self_harm":           {text.SelfHarmDisclosure},
	"coercive_sextortion": {text.Sextortion, text.CoerciveControl},
	"eating_disorder":     {text.EatingDisorderPromotion},
}

const (
	// taught is what the first tier's own score counts where nobody else has
	// said: the head learns to say it of texts that mean the same.
	taught = 0.3
	// blanket is what a 0 counts for a label that a source was not read for.
	blanket = 0.25
)

// rowOf is a text with what is known of it.
func rowOf(source string, labels map[string]int, vector *embed.Vector, first *[text.LabelCount]float32) row {
	r := row{vector: *vector, first: *first, made: source == grammar.Source}
	for l, p := range first {
		r.yes[l], r.weight[l] = p, taught
	}
	for name, v := range labels {
		all := renamed[name]
		if l, ok := text.ParseLabel(name); ok {
			all = []text.Label{l}
		}
		for _, l := range all {
			if v == 0 && source != grammar.Source && l >= text.SexualMinors && l != text.Profanity {
				r.yes[l], r.weight[l] = min(first[l], 0.5), blanket
				continue
			}
			r.yes[l], r.weight[l], r.gold[l] = float32(v), 1, true
		}
	}
	return r
}
