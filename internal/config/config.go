// Package config is what an operator may set: one YAML file, overridden by
// BREAKWATER_* variables, overridden by flags. Every default is safe, and
// anything unknown or out of range is an error that says where it stands.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Config is every setting. One field is one setting: its name is the path of
// yaml tags ("limits.burst"), its variable BREAKWATER_ and that in capitals
// (BREAKWATER_LIMITS_BURST). Tags: default, doc, and min or oneof to bound it.
// A Secret is never printed.
type Config struct {
	Addr        string    `yaml:"addr" default:"127.0.0.1:8420" doc:"where the API listens"`
	MetricsAddr string    `yaml:"metrics_addr" doc:"where /metrics listens; empty is beside the API"`
	Data        string    `yaml:"data" default:"./data" doc:"folder of the database, evidence and installation secrets"`
	DB          Secret    `yaml:"db" doc:"PostgreSQL address (postgres://...); empty is SQLite in the data folder"`
	AdminKey    Secret    `yaml:"admin_key" doc:"first admin key, 20 characters at least; empty makes one at first start"`
	Exchanges   Exchanges `yaml:"exchanges" doc:"lists of known hashes that are fetched from others, by name: see docs/matching.md"`

	Policy struct {
		Dir        string   `yaml:"dir" doc:"folder of a bundle; empty is the default bundle"`
		Markets    []string `yaml:"markets" doc:"jurisdictions that the platform serves whoever is involved, for example [GB, EU, US-CA]"`
		Everywhere []string `yaml:"everywhere" doc:"jurisdictions whose protections apply to the whole world"`
	} `yaml:"policy"`

	Ages struct {
		Youngest string `yaml:"youngest" default:"0-5" oneof:"0-5,6-9,10-12,13-15,16-17,18+" doc:"youngest band that the platform admits: what an unknown age is taken for"`
	} `yaml:"ages"`

	Age struct {
		URL               string   `yaml:"url" doc:"where wallets and browsers reach this server, for example https://age.example.org; empty is http:// and addr"`
		Origins           []string `yaml:"origins" doc:"web origins of your own pages that may ask wallets by the Digital Credentials API, for example [https://example.org]"`
		Profiles          []string `yaml:"profiles" doc:"profiles of age checks that must be ready at the start, for example [GB-HEAA-18]"`
		AVRoots           []string `yaml:"av_roots" doc:"PEM files of the authorities whose European age attestations are believed"`
		AVList            string   `yaml:"av_list" doc:"file of the EU's trusted list of age attestation providers (ETSI TS 119 612), which something else keeps up to date; beside av_roots"`
		AVListSigners     []string `yaml:"av_list_signers" doc:"PEM files of the certificates that may have signed it"`
		Providers         string   `yaml:"providers" doc:"YAML file of providers of age checks: docs/age.md"`
		Methods           string   `yaml:"methods" doc:"YAML file of your evidence for methods: docs/age.md"`
		Figures           string   `yaml:"figures" doc:"CSV file of the accuracy that was measured of methods: docs/age.md"`
		MDLRoots          []string `yaml:"mdl_roots" doc:"PEM files of the authorities whose mobile driving licences are believed"`
		CredentialIssuers []string `yaml:"credential_issuers" doc:"PEM files of authorities, and JSON files of issuers' keys, whose SD-JWT VCs are believed"`
		CredentialTypes   []string `yaml:"credential_types" default:"urn:eudi:pid:1" doc:"types (vct) of SD-JWT VCs that may show an age"`
		RequestCert       string   `yaml:"request_cert" doc:"PEM file of the certificate, and its chain, that requests to wallets are signed under; empty is one of this server's own"`
		RequestKey        string   `yaml:"request_key" doc:"PEM file of its key, ECDSA on P-256"`
	} `yaml:"age"`

	Limits struct {
		BodyBytes      Bytes         `yaml:"body_bytes" default:"1MiB" min:"1KiB" doc:"request body"`
		EventBytes     Bytes         `yaml:"event_bytes" default:"8MiB" min:"1KiB" doc:"request body of one event, its media inline"`
		BatchBytes     Bytes         `yaml:"batch_bytes" default:"32MiB" min:"1KiB" doc:"request body of a batch of events"`
		BatchEvents    int           `yaml:"batch_events" default:"1000" min:"1" doc:"events in a batch"`
		RatePerKey     int           `yaml:"rate_per_key" default:"50000" min:"1" doc:"events a second with one API key"`
		Burst          int           `yaml:"burst" default:"100000" min:"1" doc:"events at once with one API key; no fewer than batch_events"`
		RequestTimeout time.Duration `yaml:"request_timeout" default:"10s" min:"100ms" doc:"time to answer a request"`
	} `yaml:"limits"`

	Detect struct {
		Deadline time.Duration `yaml:"deadline" default:"150ms" min:"1ms" doc:"time that detectors have for one event"`
		Models   string        `yaml:"models" doc:"folder of fetched models (breakwater text model pull): a second tier of text detection; empty is off"`
	} `yaml:"detect"`

	Counters struct {
		Engine  string        `yaml:"engine" default:"memory" oneof:"memory,redis" doc:"what counts who did what how often: this process's memory, or a Redis or Valkey that several processes share"`
		URL     Secret        `yaml:"url" doc:"address of Redis or Valkey, for example redis://127.0.0.1:6379/0, rediss:// with TLS or unix:///run/redis.sock; ?addr=HOST:PORT for more nodes of a cluster"`
		Memory  Bytes         `yaml:"memory" default:"2GiB" min:"1MiB" doc:"that counts may take in memory; at that the oldest go"`
		Timeout time.Duration `yaml:"timeout" default:"50ms" min:"1ms" doc:"time for Redis to answer; after that counts are missing until it does"`
		Keep    int           `yaml:"keep" default:"100000" min:"1" doc:"what is counted while Redis does not answer, about 150 bytes each; beyond that the oldest is lost"`
	} `yaml:"counters"`

	Conversations struct {
		Memory Bytes `yaml:"memory" default:"256MiB" min:"1MiB" doc:"that features of conversations may take in memory; at that, who has not been in touch for longest is forgotten"`
	} `yaml:"conversations"`

	Wellbeing struct {
		Counts bool          `yaml:"counts" default:"false" doc:"how each age band used the platform is counted by day, in groups of at least ten people"`
		Gap    time.Duration `yaml:"gap" default:"10m" min:"1m" doc:"longest time between two events of a session: after that it has ended where the last one was"`
		Break  time.Duration `yaml:"break" default:"5m" min:"1m" doc:"shortest pause that is a break"`
		People int           `yaml:"people" default:"1000000" min:"1" doc:"people whose time online is kept in memory at most: 0.7 kB for one who is online, 0.2 kB for one who left"`
	} `yaml:"wellbeing"`

	Matching struct {
		ImageBytes     Bytes         `yaml:"image_bytes" default:"32MiB" min:"1KiB" doc:"file that is sent to be matched or hashed"`
		ImagePixels    int           `yaml:"image_pixels" default:"100000000" min:"1" doc:"width times height of an image; memory while it is decoded is up to about 8 bytes a pixel"`
		FFmpeg         string        `yaml:"ffmpeg" doc:"the ffmpeg program, for AVIF, HEIC and videos, with ffprobe beside it; empty looks for it, off does without"`
		VideoTime      time.Duration `yaml:"video_time" default:"10s" min:"10ms" doc:"time to hash one video; in a decision it is three quarters of media.deadline at most"`
		ImportBytes    Bytes         `yaml:"import_bytes" default:"8GiB" min:"1KiB" doc:"entries sent into a bank at once"`
		OutbreakLeast  int           `yaml:"outbreak_least" default:"100" min:"0" doc:"matches of one entry within an hour that may put it into quarantine; 0 is never"`
		OutbreakFactor int           `yaml:"outbreak_factor" default:"20" min:"1" doc:"and that must be so many times what it matched in an hour in the week before"`
	} `yaml:"matching"`

	Media struct {
		Deadline     time.Duration `yaml:"deadline" default:"2s" min:"10ms" doc:"time to hash and look up the media of one event"`
		FetchHosts   []string      `yaml:"fetch_hosts" doc:"hosts from which media are fetched that come as an https address only; none, and nothing is fetched"`
		FetchBytes   Bytes         `yaml:"fetch_bytes" default:"32MiB" min:"1KiB" doc:"file that is fetched"`
		OwnImageBank string        `yaml:"own_image_bank" doc:"bank for the hashes that people send from /own-image; empty is no such page"`
	} `yaml:"media"`

	Judge struct {
		URL       string        `yaml:"url" doc:"API of a language model that gives second opinions, for example http://127.0.0.1:8000/v1; empty is none, and nothing is sent"`
		Key       Secret        `yaml:"key" doc:"API key of the model's server"`
		Model     string        `yaml:"model" doc:"name of the model"`
		Format    string        `yaml:"format" default:"json_schema" oneof:"json_schema,json_object,none" doc:"response_format that the model's server knows"`
		Timeout   time.Duration `yaml:"timeout" default:"5s" min:"10ms" doc:"time for one answer"`
		PerMinute int           `yaml:"per_minute" default:"60" min:"1" doc:"questions in a minute"`
		PerDay    int           `yaml:"per_day" default:"10000" min:"1" doc:"questions in a day"`
		From      float64       `yaml:"from" default:"0.3" doc:"score from which a text is worth a question"`
		To        float64       `yaml:"to" default:"0.8" doc:"score from which it is not in doubt any more"`
		Severity  int           `yaml:"severity" default:"2" min:"1" doc:"severity from which content is labelled, 1 to 3"`
		Workers   int           `yaml:"workers" default:"2" min:"1" doc:"questions at the same time"`
		Private   bool          `yaml:"private" default:"false" doc:"private messages are sent to the model too"`
		Shadow    bool          `yaml:"shadow" default:"false" doc:"verdicts are counted and label nothing"`
	} `yaml:"judge"`

	Telemetry struct {
		OTLPEndpoint string `yaml:"otlp_endpoint" doc:"http(s) address of an OTLP collector for traces; empty is off"`
	} `yaml:"telemetry"`

	Log struct {
		Level  slog.Level `yaml:"level" default:"INFO" doc:"least level that is logged: DEBUG, INFO, WARN or ERROR"`
		Format string     `yaml:"format" default:"text" oneof:"text,json" doc:"form of log lines, on standard error"`
	} `yaml:"log"`

	Console struct {
		Live bool `yaml:"live" default:"false" doc:"the live page keeps recent texts in memory, to show them"`
	} `yaml:"console"`

	Support struct {
		Leave string `yaml:"leave" default:"https://www.wikipedia.org/" doc:"where people are taken who leave a help page in a hurry: a page that tells nothing"`
	} `yaml:"support"`

	Tokens struct {
		Issuer string   `yaml:"issuer" doc:"host by which age tokens name this server as their issuer, for example age.example.org"`
		Issue  []string `yaml:"issue" doc:"what age tokens are issued here, for example [over-18.strict, over-16.strict]; empty issues none"`
		Trust  []string `yaml:"trust" doc:"other issuers whose age tokens are accepted, each as HOST=FILE or HOST=https://… of its directory"`
		Gate   string   `yaml:"gate" doc:"what GET /v1/age/tokens/gate asks a token for, for example over-18.standard; empty is no gate"`
	} `yaml:"tokens"`

	Sanctions struct {
		Ladder  string        `yaml:"ladder" doc:"YAML file of what follows from strikes; empty is the shipped one: docs/effects.md"`
		Least   int           `yaml:"least" default:"50" min:"1" doc:"accounts that a rule may sanction in a day, whatever it does on a usual day, before its sanctions wait for a person"`
		Factor  int           `yaml:"factor" default:"5" min:"1" doc:"and how many times its usual day"`
		PerDay  int           `yaml:"per_day" default:"5000" min:"1" doc:"the same as least, of all rules together"`
		Labels  int           `yaml:"labels" default:"10000" min:"1" doc:"the same as least, of content that a rule labels"`
		Longest time.Duration `yaml:"longest" default:"720h" min:"1h" doc:"how long a restriction lasts at most that no person has confirmed"`
		Keep    time.Duration `yaml:"keep" default:"8760h" min:"24h" doc:"how long what has ended stays in the ledger"`
	} `yaml:"sanctions"`

	Urgent struct {
		Pager       Secret        `yaml:"pager" doc:"https address of a webhook that wakes somebody for an urgent decision; empty is none"`
		Escalation  Secret        `yaml:"escalation" doc:"the same for those whom an overdue one wakes besides"`
		Secret      Secret        `yaml:"secret" doc:"shared secret under which pages are signed, 16 characters at least"`
		Acknowledge time.Duration `yaml:"acknowledge" default:"15m" min:"1m" doc:"by when a person must have acknowledged an urgent decision"`
		Resolve     time.Duration `yaml:"resolve" default:"4h" min:"1m" doc:"and from then on have resolved it"`
		Again       time.Duration `yaml:"again" default:"5m" min:"1m" doc:"between the pages for what is overdue"`
	} `yaml:"urgent"`

	Jobs struct {
		Workers int `yaml:"workers" default:"4" min:"1" doc:"jobs at work at the same time"`
	} `yaml:"jobs"`

	settings []*Setting
}

// Source is where settings come from, the later over the earlier.
type Source struct {
	File    string            // path; "" is the variable BREAKWATER_CONFIG, or no file
	Environ []string          // as of os.Environ; an empty variable counts as unset
	Flags   map[string]string // values by name of setting, only those that were given
}

// Load is the effective configuration. The error, if any, joins every fault
// that was found, each with its file and line, variable or flag.
func Load(s Source) (*Config, error) {
	c := &Config{}
	faults := c.bind()
	variables, unknown := c.variables(s.Environ)
	if s.File == "" {
		s.File = variables[fileVariable]
	}
	if s.File != "" {
		faults = append(faults, c.readFile(s.File)...)
	}
	faults = append(faults, unknown...)
	faults = append(faults, c.readVariables(variables)...)
	faults = append(faults, c.readFlags(s.Flags)...)
	if len(faults) == 0 {
		faults = c.check()
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// minAdminKey is the fewest characters of an admin key: with 62 characters to
// choose from at random, 119 bits.
const minAdminKey = 20

// check is what no single setting can tell.
func (c *Config) check() []error {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s: %s", c.setting(name).where, name, fmt.Sprintf(format, args...)))
	}
	for _, name := range []string{"addr", "metrics_addr"} {
		addr := c.setting(name).Value
		if _, _, err := net.SplitHostPort(addr); err != nil && (addr != "" || name == "addr") {
			fault(name, "must be HOST:PORT, for example 127.0.0.1:8420")
		}
	}
	if n := len(c.AdminKey); n > 0 && n < minAdminKey {
		fault("admin_key", "must have at least %d characters", minAdminKey)
	}
	if c.Data == "" {
		fault("data", "must name a folder")
	}
	for _, name := range []string{"policy.markets", "policy.everywhere"} {
		for _, place := range *c.setting(name).field.Addr().Interface().(*[]string) {
			if !jurisdiction.MatchString(place) {
				fault(name, "%q must be a country or a part of one, for example GB, EU or US-CA", place)
			}
		}
	}
	if len(c.Tokens.Issue) > 0 && c.Tokens.Issuer == "" {
		fault("tokens.issue", "needs tokens.issuer, the host by which tokens name this server")
	}
	for _, origin := range append([]string{c.Age.URL}, c.Age.Origins...) {
		u, err := url.Parse(origin)
		if origin != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.User != nil) {
			fault("age.url", "%q must be an http or https address without a path", origin)
		}
	}
	if c.Limits.Burst < c.Limits.BatchEvents {
		fault("limits.burst", "must be no fewer than limits.batch_events, %d: a whole batch comes at once", c.Limits.BatchEvents)
	}
	if c.Judge.URL != "" {
		if u, err := url.Parse(c.Judge.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			fault("judge.url", "must be an http or https address without a password: that is judge.key")
		}
		if c.Judge.Model == "" {
			fault("judge.model", "must name a model where judge.url is set")
		}
	}
	if c.Counters.Engine == "redis" && c.Counters.URL == "" {
		fault("counters.url", "must be the address of Redis where counters.engine is redis")
	}
	if c.Judge.From <= 0 || c.Judge.From >= c.Judge.To || c.Judge.To > 1 {
		fault("judge.from", "must be above 0 and below judge.to, and that at most 1")
	}
	if u, err := url.Parse(c.Telemetry.OTLPEndpoint); c.Telemetry.OTLPEndpoint != "" {
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			fault("telemetry.otlp_endpoint", "must be an http or https address")
		case u.User != nil:
			fault("telemetry.otlp_endpoint", "must hold no password: use OTEL_EXPORTER_OTLP_HEADERS")
		}
	}
	return faults
}

// jurisdiction is ISO 3166-1 alpha-2, EU, or ISO 3166-2.
var jurisdiction = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)
