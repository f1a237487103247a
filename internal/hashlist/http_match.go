package hashlist

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/web"
)

// maxForm is what a form has around its file, in bytes.
const maxForm = 64 << 10

// matchRequest asks for hashes.
type matchRequest struct {
	Hash        Hashes   `json:"hash" doc:"What is known of it; at least one"`
	Turned      []string `json:"turned,omitempty" maxItems:"63" doc:"More PDQ hashes of the same picture, such as pdq_dihedral"`
	MaxDistance *int     `json:"max_distance,omitempty" minimum:"0" maximum:"64" doc:"Bits, in place of each bank's own"`
	Banks       []string `json:"banks,omitempty" doc:"Only these; all unless named"`
	Seed        string   `json:"seed,omitempty" maxLength:"256" doc:"Of the choice by enabled_ratio; the content unless set"`
}

type matchAnswer struct {
	Matches    []MatchBody      `json:"matches" nullable:"false" doc:"Nearest first, 100 of each bank at most"`
	Suppressed []suppressedBody `json:"suppressed" nullable:"false" doc:"Matches that an innocent bank took back"`
	Hashes     Hashes           `json:"hashes" doc:"What was looked for"`
	Quality    *int             `json:"quality,omitempty" doc:"Of a file's PDQ hash; under 50 it is not looked for"`
	Unhashed   string           `json:"unhashed,omitempty" doc:"Why a file has no PDQ hash; its digests were looked for"`
}

// MatchBody is a Match as it is answered.
type MatchBody struct {
	Bank           string   `json:"bank"`
	Entry          string   `json:"entry"`
	Distance       int      `json:"distance" doc:"Bits; 0 for kinds that are compared exactly"`
	Kind           Kind     `json:"kind" doc:"Of the hash that matched"`
	BankKind       BankKind `json:"bank_kind"`
	Classification string   `json:"classification,omitempty"`
	Source         string   `json:"source,omitempty"`
	Share          int      `json:"share,omitempty" doc:"Percent of a video's frames that are in the entry"`
	Confirmed      bool     `json:"confirmed" doc:"A person has looked at the entry"`
	Review         bool     `json:"review" doc:"The entry is in quarantine: hold what matched and have a person decide"`
}

type suppressedBody struct {
	MatchBody
	By MatchBody `json:"by" doc:"The entry that is known to be harmless"`
}

// BodyOf is a match as it is answered.
func BodyOf(m Match) MatchBody {
	return MatchBody{
		Bank: m.Bank, Entry: m.Entry, Distance: m.Distance, Kind: m.Kind, BankKind: m.BankKind,
		Classification: m.Classification, Source: m.Source, Share: m.Share, Confirmed: m.Confirmed, Review: m.Review,
	}
}

func (a *API) match(ctx context.Context, r web.Request) (web.Answer, error) {
	mediaType, parameters, err := mime.ParseMediaType(r.MediaType())
	if r.MediaType() != "" && err != nil {
		return web.Answer{}, fault.New(fault.Unsupported, "The Content-Type cannot be read.")
	}
	if mediaType == "" || mediaType == "application/json" {
		return a.matchHashes(ctx, r.Body)
	}
	data, query := r.Body, r.Query()
	if mediaType == "multipart/form-data" {
		if data, err = FileOf(r.Body, parameters["boundary"], query); err != nil {
			return web.Answer{}, err
		}
	}
	if int64(len(data)) > a.ImageBytes {
		return web.Answer{}, fault.Newf(fault.TooLarge, "The file may have at most %d bytes.", a.ImageBytes)
	}
	return a.matchFile(ctx, data, query)
}

func (a *API) matchHashes(ctx context.Context, body []byte) (web.Answer, error) {
	if int64(len(body)) > a.HashBytes {
		return web.Answer{}, fault.Newf(fault.TooLarge, "Hashes may have at most %d bytes.", a.HashBytes)
	}
	var in matchRequest
	if err := readRequest(body, &in); err != nil {
		return web.Answer{}, err
	}
	if len(in.Seed) > 256 {
		return web.Answer{}, misfit("seed", "must be at most 256 bytes")
	}
	result, err := a.Lists.Match(ctx, Query{Hashes: in.Hash, Turned: in.Turned, MaxDistance: in.MaxDistance, Banks: in.Banks, Seed: in.Seed})
	if err != nil {
		return web.Answer{}, refusal(err)
	}
	return answer(matchAnswer{Hashes: in.Hash}, result)
}

func (a *API) matchFile(ctx context.Context, data []byte, query map[string][]string) (web.Answer, error) {
	p, err := a.Hasher.Hash(ctx, data)
	if err != nil {
		return web.Answer{}, err
	}
	get := func(name string) string {
		if values := query[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	q := p.Query(get("turned") != "false")
	q.Seed = get("seed")
	if text := get("max_distance"); text != "" {
		distance, err := strconv.Atoi(text)
		if err != nil {
			return web.Answer{}, misfit("query.max_distance", "must be a number")
		}
		q.MaxDistance = &distance
	}
	if text := get("banks"); text != "" {
		q.Banks = strings.Split(text, ",")
	}
	result, err := a.Lists.Match(ctx, q)
	if err != nil {
		return web.Answer{}, refusal(err)
	}
	out := matchAnswer{Hashes: p.Hashes, Unhashed: p.Unhashed}
	if p.Unhashed == "" {
		out.Quality = &p.Quality
	}
	return answer(out, result)
}

// mostParts is how many fields and files a form may have.
const mostParts = 20

// FileOf is the one file of a form. Its other fields are added to values.
func FileOf(body []byte, boundary string, values map[string][]string) ([]byte, error) {
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	var file []byte
	for parts := 0; ; parts++ {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || parts == mostParts {
			return nil, fault.New(fault.Malformed, "The form cannot be read.")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, fault.New(fault.Malformed, "The form cannot be read.")
		}
		switch {
		case part.FileName() == "":
			values[part.FormName()] = append(values[part.FormName()], string(data))
		case file != nil:
			return nil, misfit("body", "has more than one file")
		default:
			file = data
		}
	}
	if file == nil {
		return nil, misfit("body", "has no file")
	}
	return file, nil
}

func answer(out matchAnswer, r Result) (web.Answer, error) {
	out.Matches = make([]MatchBody, len(r.Matches))
	for i, m := range r.Matches {
		out.Matches[i] = BodyOf(m)
	}
	out.Suppressed = make([]suppressedBody, len(r.Suppressed))
	for i, s := range r.Suppressed {
		out.Suppressed[i] = suppressedBody{BodyOf(s.Match), BodyOf(s.By)}
	}
	body, err := json.Marshal(out)
	return web.Answer{Body: body}, err
}

func writeJSON(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v) // fails if the caller has gone
}
