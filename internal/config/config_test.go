package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/config"
)

func write(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "breakwater.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, s config.Source) *config.Config {
	t.Helper()
	c, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := load(t, config.Source{})
	if c.Addr != "127.0.0.1:8420" || c.Data != "./data" || c.DB != "" || c.AdminKey != "" || c.MetricsAddr != "" {
		t.Errorf("addresses and places: %+v", c)
	}
	if c.Limits.BodyBytes != 1<<20 || c.Limits.EventBytes != 8<<20 || c.Limits.BatchEvents != 1000 ||
		c.Limits.RatePerKey != 50_000 || c.Limits.RequestTimeout != 10*time.Second {
		t.Errorf("limits: %+v", c.Limits)
	}
	if c.Ages.Youngest != "0-5" || c.Detect.Deadline != 150*time.Millisecond || c.Console.Live || c.Log.Level != slog.LevelInfo {
		t.Errorf("ages %v, detect %v, console %v, log %v", c.Ages, c.Detect, c.Console, c.Log)
	}
	for _, s := range c.Settings() {
		if s.Doc == "" || s.Origin != config.FromDefault {
			t.Errorf("%s: doc %q, from %s", s.Name, s.Doc, s.Origin)
		}
	}
}

func TestLaterSourcesOverride(t *testing.T) {
	file := write(t, `
addr: 127.0.0.1:1
data: from-file
log: {level: WARN}
policy:
  markets: [GB, EU]
limits:
  body_bytes: 2MiB
`)
	c := load(t, config.Source{
		Environ: []string{"PATH=/bin", "BREAKWATER_CONFIG=" + file, "BREAKWATER_DATA=from-env", "BREAKWATER_ADDR=127.0.0.1:2",
			"BREAKWATER_POLICY_EVERYWHERE=GB, US-CA", "BREAKWATER_DB=", "BREAKWATER_TEST_POSTGRES=x"},
		Flags: map[string]string{"addr": "127.0.0.1:3"},
	})
	type row struct {
		Value  string
		Origin config.Origin
	}
	got := map[string]row{}
	for _, s := range c.Settings() {
		if s.Origin != config.FromDefault {
			got[s.Name] = row{s.Value, s.Origin}
		}
	}
	want := map[string]row{
		"addr":              {"127.0.0.1:3", config.FromFlag},
		"data":              {"from-env", config.FromEnv},
		"log.level":         {"WARN", config.FromFile},
		"policy.markets":    {"[GB, EU]", config.FromFile},
		"policy.everywhere": {"[GB, US-CA]", config.FromEnv},
		"limits.body_bytes": {"2MiB", config.FromFile},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GB", "US-CA"}, c.Policy.Everywhere); diff != "" {
		t.Errorf("a list in a variable:\n%s", diff)
	}
}

func TestFaultsSayWhere(t *testing.T) {
	for _, tc := range []struct {
		name string
		yaml string
		env  []string
		flag map[string]string
		want []string
	}{
		{name: "unknown keys", yaml: "adr: x\nlimits:\n  brust: 3\nwidgets: 1\n", want: []string{
			"breakwater.yaml:1: unknown key adr; did you mean addr?",
			"breakwater.yaml:3: unknown key limits.brust; did you mean limits.burst?",
			"breakwater.yaml:4: unknown key widgets",
		}},
		{name: "twice", yaml: "data: a\ndata: b\n", want: []string{"breakwater.yaml:2: data is set twice"}},
		{name: "kinds", yaml: "limits:\n  batch_events: many\n  request_timeout: 3\n  body_bytes: 1MB\nconsole:\n  live: yes please\n", want: []string{
			"breakwater.yaml:2: limits.batch_events: must be a whole number",
			"breakwater.yaml:3: limits.request_timeout: must be a duration, for example 150ms or 10s",
			"breakwater.yaml:4: limits.body_bytes: must be a size in bytes, for example 512, 8KiB or 1MiB",
			"breakwater.yaml:6: console.live: must be true or false",
		}},
		{name: "an issuer without a name", yaml: "tokens:\n  issue: [over-18.strict]\n", want: []string{
			"breakwater.yaml:2: tokens.issue: needs tokens.issuer, the host by which tokens name this server",
		}},
		{name: "shapes", yaml: "addr: [a]\ndata:\nlimits: 3\npolicy: {dir: {a: b}, markets: [[x]]}\n", want: []string{
			"breakwater.yaml:1: addr: must be one value, not a list",
			"breakwater.yaml:2: data: has no value",
			"breakwater.yaml:3: limits: must be settings by name",
			"breakwater.yaml:4: policy.dir: must be one value or a list",
			"breakwater.yaml:4: policy.markets: must be a list of plain values",
		}},
		{name: "a list", yaml: "- addr\n", want: []string{"breakwater.yaml:1: must be settings by name"}},
		{name: "bounds", yaml: "limits: {burst: 0, request_timeout: 1ms, body_bytes: 12}\nages: {youngest: 7}\nlog: {format: xml}\n", want: []string{
			"breakwater.yaml:1: limits.burst: must be at least 1",
			"breakwater.yaml:1: limits.request_timeout: must be at least 100ms",
			"breakwater.yaml:1: limits.body_bytes: must be at least 1KiB",
			"breakwater.yaml:2: ages.youngest: must be one of 0-5, 6-9, 10-12, 13-15, 16-17, 18+",
			"breakwater.yaml:3: log.format: must be one of text, json",
		}},
		{name: "meaning", yaml: "addr: nowhere\npolicy: {markets: [gb]}\nlimits: {burst: 10}\ntelemetry: {otlp_endpoint: 'http://u:p@c'}\n", want: []string{
			"breakwater.yaml:1: addr: must be HOST:PORT, for example 127.0.0.1:8420",
			`breakwater.yaml:2: policy.markets: "gb" must be a country or a part of one, for example GB, EU or US-CA`,
			"breakwater.yaml:3: limits.burst: must be no fewer than limits.batch_events, 1000: a whole batch comes at once",
			"breakwater.yaml:4: telemetry.otlp_endpoint: must hold no password: use OTEL_EXPORTER_OTLP_HEADERS",
		}},
		{name: "variables", env: []string{"BREAKWATER_ADMINKEY=canary-canary-canary", "BREAKWATER_LIMITS_BURST=x"}, want: []string{
			"BREAKWATER_ADMINKEY: unknown variable; did you mean BREAKWATER_ADMIN_KEY?",
			"BREAKWATER_LIMITS_BURST: limits.burst: must be a whole number",
		}},
		{name: "a short admin key", env: []string{"BREAKWATER_ADMIN_KEY=canary"}, want: []string{
			"BREAKWATER_ADMIN_KEY: admin_key: must have at least 20 characters",
		}},
		{name: "flags", flag: map[string]string{"addr": "x", "adr": "y"}, want: []string{"a flag sets what is no setting"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := config.Source{Environ: tc.env, Flags: tc.flag}
			if tc.yaml != "" {
				s.File = write(t, tc.yaml)
			}
			_, err := config.Load(s)
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(tc.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Error("a fault repeats a secret")
			}
		})
	}
	if _, err := config.Load(config.Source{File: "no-such.yaml"}); err == nil {
		t.Error("a file that is missing is accepted")
	}
}

func TestWriteTo(t *testing.T) {
	file := write(t, "db: postgres://u:canary@h/d\nlimits:\n  burst: 7000\npolicy: {markets: [GB]}\n")
	c := load(t, config.Source{File: file, Environ: []string{"BREAKWATER_ADMIN_KEY=canary-canary-canary"}})
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "canary") {
		t.Errorf("a secret is printed:\n%s", out.String())
	}
	for _, want := range []string{`db: "********"`, "# file breakwater.yaml:1", "# env BREAKWATER_ADMIN_KEY", "  burst: 7000 ", `  markets: ["GB"]`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("misses %s:\n%s", want, out.String())
		}
	}
	var open []string
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "********") {
			open = append(open, line)
		}
	}
	again := load(t, config.Source{File: write(t, strings.Join(open, ""))})
	if again.Limits != c.Limits || !cmp.Equal(again.Policy, c.Policy) {
		t.Error("what was printed reads otherwise")
	}
}

func TestSecret(t *testing.T) {
	s := struct{ Key config.Secret }{"canary"}
	encoded, _ := json.Marshal(s)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "key", s.Key, "struct", s)
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%#v %+v %q %x %d", s, s, s.Key, s.Key, s.Key), string(encoded), log.String()} {
		if strings.Contains(shown, "canary") || strings.Contains(shown, "63616e617279") {
			t.Errorf("shown: %s", shown)
		}
	}
	if s.Key.Reveal() != "canary" {
		t.Error("lost")
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]config.Bytes{"0": 0, "512": 512, "1KiB": 1 << 10, "8 MiB": 8 << 20, "2GiB": 2 << 30} {
		var b config.Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s: %d, %v", text, b, err)
		}
		if err := b.UnmarshalText([]byte(b.String())); err != nil || b != want {
			t.Errorf("%s is written as %s", text, b)
		}
	}
	for _, text := range []string{"", "-1", "1.5MiB", "MiB", "9999999999GiB"} {
		if new(config.Bytes).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("addr: 127.0.0.1:1\nlimits: {burst: 5}\n")
	f.Add("a: &x [1]\nb: *x\n")
	f.Add("limits:\n  limits:\n   - {}\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.Source{File: path})
		if (c == nil) == (err == nil) {
			t.Fatalf("both or neither: %v, %v", c, err)
		}
		if c == nil {
			return
		}
		var out bytes.Buffer
		if _, err := c.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
	})
}
