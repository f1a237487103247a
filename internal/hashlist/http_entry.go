package hashlist

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

const (
	ndjsonType = "application/x-ndjson"
	csvType    = "text/csv"

	// versionHeader says of a bank which version an export is.
	versionHeader = "Breakwater-Bank-Version"
)

func (a *API) entryRoutes(api *web.API) {
	web.Handle(api, web.Operation{
		Method: "GET", Path: "/v1/banks/{name}/entries", ID: "export-entries", Tag: tag, Timeout: -1, Answers: ndjsonType,
		Summary: "All entries of a bank, one a line",
		Description: "NDJSON, or CSV with format=csv. " + versionHeader + " is the bank's version when the answer began. " +
			"An answer that breaks off is not ended as HTTP ends answers. Of addresses there are keyed digests only, which this installation reads again.",
		Roles: manage, Query: []web.Param{{Name: "format", Doc: "ndjson (default) or csv"}},
	}, a.export)
	web.Stream[Line, importAnswer](api, web.Operation{
		Method: "POST", Path: "/v1/banks/{name}/entries", ID: "import-entries", Tag: tag, Timeout: -1, Idempotent: true, BodyLimit: a.ImportBytes,
		Accepts: []string{ndjsonType, csvType},
		Summary: "Put entries into a bank, one a line",
		Description: "NDJSON: {\"id\":\"…\",\"hash\":{\"pdq\":\"…\",\"md5\":\"…\"},\"classification\":\"A1\"}, or {\"kind\":\"pdq\",\"value\":\"…\"}; " +
			"or CSV (text/csv) whose first line names these. Faulty lines are listed and the others kept, 2,000 at a time: " +
			"what an answer that got lost had done is done, and sending all of it again changes nothing.",
		Roles: manage,
	}, a.importEntries)
	web.Register(api, web.Operation{
		Method: "GET", Path: "/v1/banks/{name}/entries/{id}", ID: "get-entry", Tag: tag, Summary: "One entry",
		Roles: []keys.Role{keys.Reviewer, keys.Compliance},
	}, a.getEntry)
	web.Register(api, web.Operation{
		Method: "DELETE", Path: "/v1/banks/{name}/entries/{id}", ID: "delete-entry", Tag: tag, Status: http.StatusNoContent,
		Summary: "Remove an entry", Roles: manage,
	}, a.deleteEntry)
	web.Register(api, web.Operation{
		Method: "POST", Path: "/v1/banks/{name}/entries/{id}/feedback", ID: "entry-feedback", Tag: tag, Idempotent: true,
		Summary: "What a person says of an entry",
		Description: "A confirmed entry never enters quarantine; a denied one matches nothing, whatever its source goes on to say. " +
			"Feedback is sent back to where the entry came from, if that takes it.",
		Roles: []keys.Role{keys.Reviewer, keys.Compliance},
	}, a.feedback)
}

func (a *API) export(w http.ResponseWriter, r *http.Request) {
	format, mediaType := NDJSON, ndjsonType
	switch r.URL.Query().Get("format") {
	case "", string(NDJSON):
	case string(CSV):
		format, mediaType = CSV, csvType
	default:
		web.Refuse(r, fault.Fieldwise(fault.Field{Location: "query.format", Message: "must be ndjson or csv"}))
		return
	}
	name := r.PathValue("name")
	b, err := a.Lists.Bank(r.Context(), name)
	if err != nil {
		web.Refuse(r, refusal(err))
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(versionHeader, strconv.FormatInt(b.Version, 10))
	out := bufio.NewWriterSize(w, 64<<10)
	if _, err := a.Lists.Export(r.Context(), name, out, format, nil); err != nil {
		panic(http.ErrAbortHandler) // what was answered must not look whole
	}
	_ = out.Flush() // fails if the caller has gone
}

// importAnswer is what an import did.
type importAnswer struct {
	Lines     int64       `json:"lines" doc:"Read, without empty ones"`
	Added     int64       `json:"added"`
	Changed   int64       `json:"changed"`
	Unchanged int64       `json:"unchanged"`
	Refused   int64       `json:"refused" doc:"Lines that could not be kept"`
	Errors    []LineError `json:"errors" doc:"The first 100 of those"`
	Version   int64       `json:"version" doc:"Of the bank"`
}

func (a *API) importEntries(w http.ResponseWriter, r *http.Request) {
	format, err := formatOf(r.Header.Get("Content-Type"))
	if err != nil {
		web.Refuse(r, err)
		return
	}
	done, err := a.Lists.Import(r.Context(), r.PathValue("name"), r.Body, format, nil)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		err = fault.Newf(fault.TooLarge, "Send at most %d bytes at once; %d entries of these are kept.", over.Limit, done.Added+done.Changed+done.Unchanged)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fault.Wrap(fault.Malformed, err, "The body broke off; what came before is kept.")
	}
	if err != nil {
		web.Refuse(r, refusal(err))
		return
	}
	if done.Errors == nil {
		done.Errors = []LineError{}
	}
	w.Header().Set("Content-Type", "application/json")
	writeJSON(w, importAnswer{
		Lines: done.Lines, Added: done.Added, Changed: done.Changed, Unchanged: done.Unchanged,
		Refused: done.Refused, Errors: done.Errors, Version: done.Version,
	})
}

func formatOf(contentType string) (Format, error) {
	name, _, err := mime.ParseMediaType(contentType)
	if contentType != "" && err != nil {
		return "", fault.New(fault.Unsupported, "The Content-Type cannot be read.")
	}
	switch {
	case name == csvType:
		return CSV, nil
	case name == "" || strings.HasSuffix(name, "json") || strings.HasSuffix(name, "jsonl") || strings.HasSuffix(name, "json-lines") ||
		name == "application/octet-stream" || name == "text/plain" || name == "application/x-www-form-urlencoded":
		return NDJSON, nil // the last is what curl says unless it is told
	}
	return "", fault.Newf(fault.Unsupported, "Send the body as %s or %s.", ndjsonType, csvType)
}

type entryIn struct {
	Name string `path:"name" maxLength:"255"`
	ID   string `path:"id" maxLength:"256"`
}

type entryOut struct{ Body entryAnswer }

type entryAnswer struct {
	Bank string `json:"bank"`
	Line
}

func (a *API) getEntry(ctx context.Context, in *entryIn) (*entryOut, error) {
	e, err := a.Lists.Entry(ctx, in.Name, in.ID)
	if err != nil {
		return nil, refusal(err)
	}
	return &entryOut{entryAnswer{e.Bank, LineOf(e)}}, nil
}

func (a *API) deleteEntry(ctx context.Context, in *entryIn) (*struct{}, error) {
	applied, err := a.Lists.Apply(ctx, in.Name, Change{Removed: []string{in.ID}})
	if err == nil && applied.Removed == 0 {
		err = noEntry()
	}
	return nil, refusal(err)
}

// feedbackBody is what a person says: any of it.
type feedbackBody struct {
	Verdict       *string    `json:"verdict,omitempty" enum:"confirmed,denied,none" doc:"none takes an earlier one back"`
	Note          string     `json:"note,omitempty" maxLength:"1000" doc:"Why"`
	DisabledUntil *time.Time `json:"disabled_until,omitempty" doc:"It matches nothing until then; a time that has passed enables it"`
	Quarantined   *bool      `json:"quarantined,omitempty" doc:"It matches for review only"`
}

func (a *API) feedback(ctx context.Context, in *struct {
	Name string `path:"name" maxLength:"255"`
	ID   string `path:"id" maxLength:"256"`
	Body feedbackBody
}) (*entryOut, error) {
	f := in.Body
	if f.Verdict == nil && f.DisabledUntil == nil && f.Quarantined == nil {
		return nil, fault.Fieldwise(fault.Field{Location: "verdict", Message: "give a verdict, disabled_until or quarantined"})
	}
	var e Entry
	var err error
	if f.DisabledUntil != nil {
		e, err = a.Lists.Disable(ctx, in.Name, in.ID, *f.DisabledUntil)
	}
	if err == nil && f.Quarantined != nil {
		e, err = a.Lists.Quarantine(ctx, in.Name, in.ID, *f.Quarantined)
	}
	if err == nil && f.Verdict != nil {
		verdict := Verdict(*f.Verdict)
		if verdict == "none" {
			verdict = Unseen
		}
		who, _ := keys.From(ctx) // there is one: the operation has roles
		e, err = a.Lists.Judge(ctx, in.Name, in.ID, Feedback{Verdict: verdict, Note: f.Note, Who: who.ID})
	}
	if err != nil {
		return nil, refusal(err)
	}
	return &entryOut{entryAnswer{e.Bank, LineOf(e)}}, nil
}
