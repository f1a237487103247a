package vpdq

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/pdq"
)

// Parse reads the frames of a video in either form in which they are
// exchanged:
//
//   - a signal of python-threatexchange, a JSON array of strings "hash,quality,seconds";
//   - a file of the C++ reference, lines "frame,quality,hash,seconds".
//
// Seconds are any number that is not negative, such as 1e+02: writers of
// signals keep three digits.
func Parse(text []byte) ([]Frame, error) {
	text = bytes.TrimSpace(text)
	if len(text) > 0 && text[0] == '[' {
		return parseSignal(text)
	}
	return parseLines(text)
}

func parseSignal(text []byte) ([]Frame, error) {
	var entries []string
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("vpdq: signal: %w", err)
	}
	frames := make([]Frame, len(entries))
	for i, entry := range entries {
		parts := strings.Split(entry, ",")
		if len(parts) != 3 {
			return nil, fmt.Errorf("vpdq: frame %d: %d parts, not hash, quality and seconds", i, len(parts))
		}
		f, err := parseFrame(parts[0], parts[1], parts[2])
		if err != nil {
			return nil, fmt.Errorf("vpdq: frame %d: %w", i, err)
		}
		f.Number = i
		frames[i] = f
	}
	return frames, nil
}

func parseLines(text []byte) ([]Frame, error) {
	var frames []Frame
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		parts := strings.Split(line, ",")
		if len(parts) != 4 {
			return nil, fmt.Errorf("vpdq: line %d: %d parts, not frame, quality, hash and seconds", i+1, len(parts))
		}
		f, err := parseFrame(parts[2], parts[1], parts[3])
		if err != nil {
			return nil, fmt.Errorf("vpdq: line %d: %w", i+1, err)
		}
		if f.Number, err = strconv.Atoi(strings.TrimSpace(parts[0])); err != nil || f.Number < 0 {
			return nil, fmt.Errorf("vpdq: line %d: not the number of a frame", i+1)
		}
		frames = append(frames, f)
	}
	if len(frames) == 0 {
		return nil, errors.New("vpdq: no frames")
	}
	return frames, nil
}

func parseFrame(hash, quality, seconds string) (f Frame, err error) {
	if f.Hash, err = pdq.Parse(strings.TrimSpace(hash)); err != nil {
		return Frame{}, err
	}
	if f.Quality, err = strconv.Atoi(strings.TrimSpace(quality)); err != nil || f.Quality < 0 || f.Quality > 100 {
		return Frame{}, errors.New("quality is a number from 0 to 100")
	}
	s, err := strconv.ParseFloat(strings.TrimSpace(seconds), 64)
	if err != nil || !(s >= 0) || s > float64(math.MaxInt64/time.Second) {
		return Frame{}, errors.New("seconds are a number that is not negative")
	}
	f.Time = time.Duration(math.Round(s * float64(time.Second)))
	return f, nil
}

// Signal writes frames as python-threatexchange does, seconds with three
// digits.
func Signal(frames []Frame) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, f := range frames {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `"%s,%d,%s"`, f.Hash, f.Quality, threeDigits(f.Time.Seconds()))
	}
	b.WriteByte(']')
	return b.String()
}

// threeDigits is Python's format ".3": from 100 on it has an exponent, and
// under that a point.
func threeDigits(seconds float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(seconds, 'e', 2, 64), "e")
	if exponent != "+00" && exponent != "+01" && exponent[0] == '+' || exponent > "-04" && exponent[0] == '-' {
		return strings.TrimSuffix(strings.TrimRight(mantissa, "0"), ".") + "e" + exponent
	}
	s := strconv.FormatFloat(seconds, 'g', 3, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Lines writes frames as the C++ reference does, seconds to the thousandth.
func Lines(frames []Frame) string {
	var b strings.Builder
	for _, f := range frames {
		fmt.Fprintf(&b, "%d,%d,%s,%.3f\n", f.Number, f.Quality, f.Hash, f.Time.Seconds())
	}
	return b.String()
}
