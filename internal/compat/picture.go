package compat

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/media"
	"github.com/breakwater-project/breakwater/internal/fault"
)

// readPicture reads a data: address, or notes where a picture is. It refuses
// what names no picture.
func readPicture(url string) (event.Media, error) {
	rest, inline := strings.CutPrefix(url, "data:")
	if !inline {
		if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") || len(url) > event.MaxURL {
			return event.Media{}, errors.New("must be an http, https or data address")
		}
		return event.Media{Kind: event.Image, URL: url}, nil
	}
	head, data, ok := strings.Cut(rest, ",")
	mediaType, encoded := strings.CutSuffix(head, ";base64")
	if !ok || !encoded || !strings.HasPrefix(mediaType, "image/") {
		return event.Media{}, errors.New("must be a data address of a picture in base64, data:image/png;base64,AAAA")
	}
	picture, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(picture) == 0 {
		return event.Media{}, errors.New("the picture is not base64")
	}
	return event.Media{Kind: event.Image, Data: picture, MIME: mediaType}, nil
}

// pictured says which signals of known pictures each of OpenAI's categories is
// made of, by their place among the categories; the others see no pictures.
func pictured() map[int][]string {
	topic := func(topics ...media.Topic) (signals []string) {
		for _, t := range topics {
			signals = append(signals, "media."+string(t), "media."+string(t)+"_review")
		}
		return signals
	}
	return map[int][]string{
		sexual:       topic(media.CSAM, media.Intimate),
		sexualMinors: topic(media.CSAM),
		violence:     topic(media.Terrorism),
	}
}

// known is the score from which a picture counts as found in a bank.
const known = 0.5

// lookAt compares the pictures with the banks of known ones. Without banks, and
// where a picture is elsewhere, nothing is looked at, and the result says so; a
// known picture beside it is still found.
func (e *Endpoints) lookAt(ctx context.Context, pictures []event.Media, r *moderationResult) error {
	if len(pictures) == 0 || e.pictures == nil {
		return nil
	}
	signals, err := e.pictures.Detect(ctx, &event.Event{Content: event.Content{Media: pictures}})
	if err != nil {
		return fault.Busy(err, time.Second, "Pictures cannot be looked at right now. Take none for harmless.")
	}
	// Where of one at least nothing is known, no category is said to be free of it.
	unseen := slices.ContainsFunc(signals, func(s decision.Signal) bool { return s.Name == media.SignalUnseen })
	for category, names := range pictured() {
		score := 0.0
		for _, s := range signals {
			if slices.Contains(names, s.Name) {
				score = max(score, s.Score)
			}
		}
		if score >= known || !unseen {
			r.saw("image", category, score, score >= known)
		}
	}
	return nil
}
