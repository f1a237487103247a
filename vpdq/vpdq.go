// Package vpdq finds known videos by the PDQ hashes of their frames: vPDQ, as
// platforms exchange it (https://github.com/facebook/ThreatExchange/tree/main/vpdq).
//
// FFmpeg makes the hashes, by a process of the ffmpeg program where that is
// installed. Without it, hashes that others made are read and matched all the
// same: Parse, Match.
package vpdq

import (
	"time"

	"github.com/breakwater-project/breakwater/pdq"
)

// Frame is the hash of one frame.
type Frame struct {
	Hash    pdq.Hash
	Quality int           // 0 to 100
	Time    time.Duration // since the beginning of the video
	Number  int           // counted from 0; in a signal, which has none, the place in it
}

// Rule says when two videos are the same. A field that is 0 means 0: begin
// with DefaultRule.
type Rule struct {
	Quality  int // the least that a frame must have to count
	Distance int // the most bits in which two frames may differ

	// Query and Known are the least percentages, 0 to 100, of the frames of
	// the video in question and of the known one that have a match in the
	// other.
	Query, Known float64
}

// DefaultRule is the one that Hasher-Matcher-Actioner goes by: quality 50,
// distance 31, and 80 % of the frames in question, whatever part of the known
// video they are. To find a known video inside a longer one, set Query to 0
// and Known to what is enough.
func DefaultRule() Rule { return Rule{Quality: 50, Distance: 31, Query: 80} }

// Overlap is how much of each of two videos is in the other, in percent of
// their different frames of enough quality. Of a video without any, nothing
// is.
type Overlap struct{ Query, Known float64 }

// Overlap compares the frames of two videos.
func (r Rule) Overlap(query, known []Frame) Overlap {
	q, k := Distinct(query, r.Quality), Distinct(known, r.Quality)
	return Overlap{Query: r.share(q, k), Known: r.share(k, q)}
}

// Match reports whether an overlap is enough. One without any frame in common
// never is.
func (r Rule) Match(o Overlap) bool {
	return o.Query > 0 && o.Query >= r.Query && o.Known >= r.Known
}

// share is the percentage of hashes that have a near one among others.
func (r Rule) share(hashes, others []pdq.Hash) float64 {
	if len(hashes) == 0 {
		return 0
	}
	near := 0
	for _, h := range hashes {
		for _, other := range others {
			if h.Distance(other) <= r.Distance {
				near++
				break
			}
		}
	}
	return float64(near) * 100 / float64(len(hashes))
}

// Distinct gives the different hashes of the frames of a quality or better, in
// the order in which they come. An index of videos holds these.
func Distinct(frames []Frame, quality int) []pdq.Hash {
	seen := make(map[pdq.Hash]bool, len(frames))
	var hashes []pdq.Hash
	for _, f := range frames {
		if f.Quality >= quality && !seen[f.Hash] {
			seen[f.Hash] = true
			hashes = append(hashes, f.Hash)
		}
	}
	return hashes
}
