// Command pdqreference compares the packages pdq and picture with the C++
// reference, on the same JPEG files, one thread each, taking turns. It is given
// the reference's program benchmark-photo-hasher, which is built from
// https://github.com/facebook/ThreatExchange/tree/main/pdq/cpp, with libjpeg:
//
//	go run ./scripts/pdqreference -reference PATH FILE.jpg…
//
// That program hashes at 512 × 512 pixels, and so does the first comparison,
// from red, green and blue. The others go from the file's bytes to the hash: in
// both, reading counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/picture"
)

func main() {
	reference := flag.String("reference", "", "the program benchmark-photo-hasher")
	rounds := flag.Int("rounds", 9, "how often each takes its turn")
	images := flag.Int("n", 5, "how often each hashes the file in a turn")
	flag.Parse()
	if *reference == "" || flag.NArg() == 0 || *rounds < 1 || *images < 1 {
		flag.Usage()
		os.Exit(2)
	}
	runtime.GOMAXPROCS(1)
	fmt.Println("milliseconds an image, medians; × is how many times as fast as the reference")
	fmt.Printf("%-30s %11s | %9s %9s %6s | %9s %9s %6s %9s %6s\n", "file", "size",
		"reference", "pdq 512", "×", "reference", "exact", "×", "fast", "×")
	for _, file := range flag.Args() {
		if err := compare(*reference, file, *rounds, *images); err != nil {
			fmt.Fprintln(os.Stderr, "pdqreference:", err)
			os.Exit(1)
		}
	}
}

// compare prints the row of one file.
func compare(reference, file string, rounds, n int) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "pdqreference-*") // the reference hashes what is in a folder
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := os.WriteFile(filepath.Join(folder, "image.jpg"), data, 0o600); err != nil { //nolint:gosec // a folder of its own
		return err
	}
	ctx := context.Background()
	decoded, err := picture.Decode(ctx, data, picture.Limits{})
	if err != nil {
		return err
	}
	b := decoded.Bounds()
	pixels := image.NewNRGBA(b)
	draw.Draw(pixels, b, decoded, b.Min, draw.Src)
	small := &pdq.Hasher{Shrink: true}
	exact, fast := &picture.Hasher{}, &picture.Hasher{Fast: true}
	var read, hash, ours, oursExact, oursFast []float64
	for range rounds {
		r, h, err := turn(ctx, reference, folder, n)
		if err != nil {
			return err
		}
		read, hash = append(read, r), append(hash, h)
		ours = append(ours, timed(n, func() { small.FromImage(pixels) }))
		oursExact = append(oursExact, timed(n, func() { _, err = exact.Hash(ctx, data) }))
		oursFast = append(oursFast, timed(n, func() { _, err = fast.Hash(ctx, data) }))
		if err != nil {
			return err
		}
	}
	whole := median(read) + median(hash)
	fmt.Printf("%-30.30s %5d×%-5d | %9.2f %9.2f %6.1f | %9.2f %9.2f %6.1f %9.2f %6.1f\n", filepath.Base(file), b.Dx(), b.Dy(),
		median(hash), median(ours), median(hash)/median(ours),
		whole, median(oursExact), whole/median(oursExact), median(oursFast), whole/median(oursFast))
	return nil
}

var (
	readLine = regexp.MustCompile(`READING PHOTOS \(SECONDS\): *([0-9.]+)`)
	hashLine = regexp.MustCompile(`HASHING PHOTOS \(SECONDS\): *([0-9.]+)`)
)

// turn has the reference read and hash n times, and gives the milliseconds of
// each.
func turn(ctx context.Context, reference, folder string, n int) (read, hash float64, err error) {
	out, err := exec.CommandContext(ctx, reference, "-n", strconv.Itoa(n), folder).Output() //nolint:gosec // what it is told to run
	if err != nil {
		return 0, 0, err
	}
	seconds := func(line *regexp.Regexp) float64 {
		found := line.FindSubmatch(out)
		if found == nil {
			err = fmt.Errorf("%s does not print what benchmark-photo-hasher prints", reference)
			return 0
		}
		s, parseErr := strconv.ParseFloat(string(found[1]), 64)
		err = errors.Join(err, parseErr)
		return s * 1000 / float64(n)
	}
	return seconds(readLine), seconds(hashLine), err
}

// timed gives the milliseconds of one of n runs.
func timed(n int, run func()) float64 {
	start := time.Now()
	for range n {
		run()
	}
	return time.Since(start).Seconds() * 1000 / float64(n)
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[len(sorted)/2]
}
