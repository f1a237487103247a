package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// contractEvent is the event of the outside contract, word for word.
const contractEvent = `{"id":"m-1001","type":"message.send","time":"2026-11-24T10:00:00Z",
 "actor":{"id":"u-7","age":{"band":"18+","basis":"verified"},"country":"GB","created":"2026-11-01T00:00:00Z"},
 "audience":{"scope":"direct","members":[{"id":"u-9","age":{"band":"10-12","basis":"estimated"},"country":"GB","connected":false,"mutuals":0}]},
 "content":{"id":"m-1001","text":"hello","language":"en",
            "media":[{"kind":"image","data":"aGk=","url":"","sha256":"","pdq":"","mime":"image/jpeg"}],
            "links":["https://example.org/"]},
 "conversation":"c-3","parent":"","surface":"dm","private":true,
 "attributes":{"anything":"the platform's own, readable in rules"}}`

func TestDecodeContractEvent(t *testing.T) {
	got, err := event.Decode([]byte(contractEvent), now)
	if err != nil {
		t.Fatal(err)
	}
	want := event.Event{
		ID: "m-1001", Type: event.MessageSend, Time: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
		Actor: event.Actor{
			ID: "u-7", Age: &event.Age{Band: event.Band18Plus, Basis: event.BasisVerified},
			Country: "GB", Created: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		},
		Audience: event.Audience{Scope: event.Direct, Members: []event.Member{{
			ID: "u-9", Age: &event.Age{Band: event.Band10to12, Basis: event.BasisEstimated}, Country: "GB",
		}}},
		Content: event.Content{
			ID: "m-1001", Text: "hello", Language: "en",
			Media: []event.Media{{Kind: event.Image, Data: []byte("hi"), MIME: "image/jpeg"}},
			Links: []string{"https://example.org/"},
		},
		Conversation: "c-3", Surface: event.SurfaceDM, Private: true,
		Attributes: map[string]any{"anything": "the platform's own, readable in rules"},
	}
	if !cmp.Equal(want, got) {
		t.Errorf("decoded event differs from the contract's")
	}
}

// minimal returns the smallest valid event with the given members added.
func minimal(extra string) string {
	return `{"id":"e","type":"content.create","actor":{"id":"a"}` + extra + `}`
}

func TestDecodeNamesTheField(t *testing.T) {
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	tests := []struct {
		name, body, location, message string
		malformed                     bool
	}{
		{"empty", ``, "", "unexpected end", true},
		{"not an object", `[]`, "", "must be an object", false},
		{"truncated", `{"id":"e"`, "", "expected ',' or '}'", true},
		{"trailing data", minimal("") + `{}`, "", "unexpected data", true},
		{"unknown field", minimal(`,"colour":1`), "colour", "unknown field", false},
		{"unknown nested field", minimal(`,"content":{"txt":"x"}`), "content.txt", "unknown field", false},
		{"key in another case", minimal(`,"Surface":"dm"`), "Surface", "unknown field", false},
		{"duplicate key", minimal(`,"id":"f"`), "id", "duplicate key", true},
		{"duplicate key in attributes", minimal(`,"attributes":{"a":1,"a":2}`), "attributes.a", "duplicate key", true},
		{"invalid UTF-8", minimal(",\"parent\":\"\xff\""), "parent", "invalid UTF-8", true},
		{"lone surrogate", minimal(`,"parent":"\ud800"`), "parent", "bad escape", true},
		{"control character", minimal(",\"parent\":\"a\nb\""), "parent", "control character", true},
		{"too deep", minimal(`,"attributes":{"a":` + deep + `}`), "attributes.a" + strings.Repeat("[0]", 14), "nested deeper", true},
		{"leading zero", minimal(`,"attributes":{"a":01}`), "attributes.a", "not a number", true},
		{"huge number", minimal(`,"attributes":{"a":1e999}`), "attributes.a", "out of range", true},
		{"missing id", `{"type":"content.create","actor":{"id":"a"}}`, "id", "required", false},
		{"missing actor", `{"id":"e","type":"content.create"}`, "actor.id", "required", false},
		{"unknown type", `{"id":"e","type":"content.explode","actor":{"id":"a"}}`, "type", "must be one of", false},
		{"bad own type", `{"id":"e","type":"x.","actor":{"id":"a"}}`, "type", "must be one of", false},
		{"wrong kind", minimal(`,"private":"yes"`), "private", "must be true or false", false},
		{"bad time", minimal(`,"time":"yesterday"`), "time", "RFC 3339", false},
		{"far future", minimal(`,"time":"2026-12-24T00:00:00Z"`), "time", "in the future", false},
		{"before clocks", minimal(`,"time":"1970-01-01T00:00:00Z"`), "time", "before the year 2000", false},
		{"bad band", `{"id":"e","type":"content.create","actor":{"id":"a","age":{"band":"12"}}}`, "actor.age.band", "unknown age band", false},
		{"bad basis", `{"id":"e","type":"content.create","actor":{"id":"a","age":{"band":"18+","basis":"sworn"}}}`, "actor.age.basis", "unknown age basis", false},
		{"bad country", `{"id":"e","type":"content.create","actor":{"id":"a","country":"gb"}}`, "actor.country", "ISO 3166", false},
		{"direct to nobody", minimal(`,"audience":{"scope":"direct"}`), "audience.members", "names its members", false},
		{"member without id", minimal(`,"audience":{"members":[{"id":"b"},{}]}`), "audience.members[1].id", "required", false},
		{"negative mutuals", minimal(`,"audience":{"members":[{"id":"b","mutuals":-1}]}`), "audience.members[0].mutuals", "whole number", false},
		{"bad surface", minimal(`,"surface":"moon"`), "surface", "must be one of", false},
		{"bad base64", minimal(`,"content":{"media":[{"kind":"image","data":"?"}]}`), "content.media[0].data", "base64", false},
		{"media without kind", minimal(`,"content":{"media":[{}]}`), "content.media[0].kind", "required", false},
		{"short hash", minimal(`,"content":{"media":[{"kind":"image","pdq":"abc"}]}`), "content.media[0].pdq", "64 hexadecimal", false},
		{"long id", minimal(`,"conversation":"` + strings.Repeat("x", 257) + `"`), "conversation", "longer than 256", false},
		{"too many attributes", minimal(`,"attributes":{"a":"` + strings.Repeat("x", event.MaxAttributes) + `"}`), "attributes", "longer than", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := event.Decode([]byte(tt.body), now)
			var fault *event.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want an *event.Error", err)
			}
			if fault.Malformed != tt.malformed {
				t.Errorf("Malformed = %v, want %v", fault.Malformed, tt.malformed)
			}
			f := fault.Fields[0]
			if f.Location != tt.location || !strings.Contains(f.Message, tt.message) {
				t.Errorf("got %q: %q, want %q: …%s…", f.Location, f.Message, tt.location, tt.message)
			}
		})
	}
}

func TestDecodeReportsAllFaultsAtOnce(t *testing.T) {
	_, err := event.Decode([]byte(`{"id":1,"type":"content.create","actor":{"id":"a","colour":2},"private":3}`), now)
	var fault *event.Error
	if !errors.As(err, &fault) {
		t.Fatal(err)
	}
	var got []string
	for _, f := range fault.Fields {
		got = append(got, f.Location)
	}
	if want := []string{"id", "actor.colour", "private"}; !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestErrorsNeverRepeatTheValue(t *testing.T) {
	const canary = "canary-7f3a"
	for _, body := range []string{
		`{"id":"e","type":"` + canary + `","actor":{"id":"a"}}`,
		`{"id":"e","type":"content.create","actor":{"id":"a","country":"` + canary + `","age":{"band":"` + canary + `"}},"time":"` + canary + `"}`,
	} {
		_, err := event.Decode([]byte(body), now)
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("error %v: want one that does not repeat the value", err)
		}
	}
}

func TestDigestIgnoresSpelling(t *testing.T) {
	a, err := event.Decode([]byte(contractEvent), now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := event.Decode([]byte(strings.ReplaceAll(contractEvent, `"hello"`, `"\u0068ello"`)), now)
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest() != b.Digest() {
		t.Error("the same event spelled otherwise has another digest")
	}
	b.Content.Text = "hello!"
	if a.Digest() == b.Digest() {
		t.Error("another text has the same digest")
	}
}

// Every field counts: an event with any one of them changed is another event.
func TestDigestCoversEveryField(t *testing.T) {
	ev, err := event.Decode([]byte(contractEvent), now)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[32]byte]string{ev.Digest(): "unchanged"}
	var visit func(v reflect.Value, path string)
	visit = func(v reflect.Value, path string) {
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		changed := true
		switch {
		case v.Type() == reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Second)))
		case v.Kind() == reflect.String:
			v.SetString(v.String() + "x")
		case v.Kind() == reflect.Bool:
			v.SetBool(!v.Bool())
		case v.CanInt():
			v.SetInt(v.Int() + 1)
		case v.CanUint():
			v.SetUint(v.Uint() + 1)
		default:
			changed = false
		}
		if changed {
			if other, twice := seen[ev.Digest()]; twice {
				t.Errorf("%s changed has the digest of %s", path, other)
			}
			seen[ev.Digest()] = path
			v.Set(old)
			return
		}
		switch v.Kind() {
		case reflect.Pointer:
			visit(v.Elem(), path)
		case reflect.Struct:
			for i := range v.NumField() {
				visit(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			for i := range v.Len() {
				visit(v.Index(i), path+"[]")
			}
		}
	}
	visit(reflect.ValueOf(&ev).Elem(), "event")
	ev.Attributes = map[string]any{"anything": "else"}
	if other, twice := seen[ev.Digest()]; twice {
		t.Errorf("attributes changed have the digest of %s", other)
	}
	if len(seen) < 25 {
		t.Errorf("only %d fields visited", len(seen))
	}
}

func TestLogsCarryNoContent(t *testing.T) {
	const canary = "canary-91c2"
	ev := event.Event{ID: "e", Type: event.MessageSend, Actor: event.Actor{ID: canary},
		Content:  event.Content{Text: canary, Links: []string{canary}, Media: []event.Media{{URL: canary, Data: []byte(canary)}}},
		Audience: event.Audience{Members: []event.Member{{ID: canary}}}}
	var buf bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&buf, nil))
	log.Info("x", "event", ev, "content", ev.Content, "media", ev.Content.Media[0])
	fmt.Fprintf(&buf, "%v %+v %#v %s %v %+v", ev, ev, ev, ev, ev.Content, ev.Content.Media)
	if strings.Contains(buf.String(), canary) {
		t.Errorf("content in the log: %s", buf.String())
	}
}

func TestBands(t *testing.T) {
	for age := range event.MaxAge {
		b := event.BandOf(age)
		if from, to := b.Interval(); age < from || age >= to {
			t.Fatalf("age %d is in band %s [%d,%d)", age, b, from, to)
		}
	}
	if event.BandOf(-1) != event.BandUnknown {
		t.Error("a negative age is known")
	}
	for _, b := range append(event.Bands(), event.BandUnknown) {
		if got, ok := event.ParseBand(b.String()); !ok || got != b {
			t.Errorf("%s does not survive its own name", b)
		}
	}
}

// FuzzDecode holds Decode against encoding/json: what it accepts is valid
// JSON, and means the same when encoded and read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(contractEvent))
	f.Add([]byte(minimal(`,"attributes":{"a":[1,-2.5e3,null,true,{"b":"\ud83d\ude00\u00e9\n"}]}`)))
	f.Add([]byte(`{"id":"e","type":"x.own","actor":{"id":"a","age":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := event.Decode(data, now)
		if err != nil {
			var fault *event.Error
			if !errors.As(err, &fault) || len(fault.Fields) == 0 {
				t.Fatalf("error %v names no field", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatal("accepted what encoding/json calls invalid")
		}
		again, err := json.Marshal(&ev)
		if err != nil {
			t.Fatal(err)
		}
		back, err := event.Decode(again, now)
		if err != nil {
			t.Fatalf("own encoding refused: %v", err)
		}
		if back.Digest() != ev.Digest() {
			t.Fatal("encoding and decoding changed the event")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(contractEvent)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := event.Decode(data, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	ev, err := event.Decode([]byte(contractEvent), now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ev.Digest()
	}
}

func ExampleDecode() {
	_, err := event.Decode([]byte(`{"id":"p-1","type":"content.create","actor":{"id":"u-1","birthday":"2014-05-01"}}`), time.Now())
	fmt.Println(err)
	// Output: event: actor.birthday: unknown field
}
