package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Configured is one provider that an operator has a contract with.
type Configured struct {
	Name    string
	Host    string // whose website people are sent to
	Methods []Method
	Level   string // standard, enhanced or strict
	Signed  bool   // its answers are signed, rather than made with a shared secret
	Returns bool   // its answers come by the person's browser, not by a webhook
	Remote  Remote
}

// entry is a provider as it is written.
type entry struct {
	Name        string   `yaml:"name"`
	Protocol    string   `yaml:"protocol"` // webhook, k-id, yoti or oidc
	Methods     []Method `yaml:"methods"`
	Level       string   `yaml:"level"`
	Page        string   `yaml:"page"` // webhook, oidc: where people are sent
	API         string   `yaml:"api"`  // k-id, yoti
	Key         secretAt `yaml:"key"`
	Secret      secretAt `yaml:"secret"`
	SDK         string   `yaml:"sdk"`
	ClientID    string   `yaml:"client_id"`
	Issuer      string   `yaml:"issuer"`
	Keys        string   `yaml:"keys"` // oidc: address of the issuer's JWK set
	Form        bool     `yaml:"form_post"`
	EstimateAge int      `yaml:"estimate_age"`
}

// secretAt is where a secret stands: never in the file itself.
type secretAt struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
}

// maxFile is the most bytes of a file of providers.
const maxFile = 1 << 20

// Load reads the providers of a YAML file. The error joins one for each fault.
func Load(ctx context.Context, path string, client *http.Client, now func() time.Time) ([]Configured, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	var file struct {
		Providers []entry `yaml:"providers"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []Configured
	var faults []error
	for i := range file.Providers {
		e := &file.Providers[i]
		c, err := e.configured(ctx, client, now)
		if slices.ContainsFunc(all, func(other Configured) bool { return other.Name == e.Name }) {
			err = errors.Join(err, errors.New("name is there twice"))
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: provider %d (%s): %w", path, i+1, e.Name, err))
		}
		all = append(all, c)
	}
	return all, errors.Join(faults...)
}

// providerName becomes a part of addresses.
var providerName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (e *entry) configured(ctx context.Context, client *http.Client, now func() time.Time) (Configured, error) {
	c := Configured{Name: e.Name, Methods: e.Methods, Level: e.Level}
	faults := e.faults()
	var err error
	switch e.Protocol {
	case "webhook":
		c.Remote, c.Host, err = e.webhook()
	case "k-id":
		c.Remote, c.Host, err = e.kid(client)
	case "yoti":
		c.Remote, c.Host, err = e.yoti(client)
	case "oidc":
		c.Remote, c.Host, err = e.oidc(ctx, client, now)
		c.Signed, c.Returns = true, true
	default:
		err = fmt.Errorf("protocol %q is none of webhook, k-id, yoti, oidc", e.Protocol)
	}
	return c, errors.Join(append(faults, err)...)
}

func (e *entry) faults() []error {
	var faults []error
	if !providerName.MatchString(e.Name) {
		faults = append(faults, errors.New("name must be lower-case words joined by -"))
	}
	if len(e.Methods) == 0 {
		faults = append(faults, errors.New("methods is empty"))
	}
	for _, m := range e.Methods {
		if m != AgeKey && !slices.Contains(methods, m) {
			faults = append(faults, fmt.Errorf("methods: %q is none of %v", m, append(slices.Clone(methods), AgeKey)))
		}
	}
	if !slices.Contains([]string{"standard", "enhanced", "strict"}, e.Level) {
		faults = append(faults, fmt.Errorf("level %q is none of standard, enhanced, strict", e.Level))
	}
	return faults
}

func (e *entry) webhook() (Remote, string, error) {
	page, err1 := address("page", e.Page)
	secret, err2 := e.Secret.read("secret", 24)
	return &Webhook{Page: page, Secret: []byte(secret)}, hostOf(page), errors.Join(err1, err2)
}

func (e *entry) kid(client *http.Client) (Remote, string, error) {
	api, err1 := address("api", e.API)
	key, err2 := e.Key.read("key", 1)
	secret, err3 := e.Secret.read("secret", 16)
	if e.EstimateAge < 18 || e.EstimateAge > 40 {
		err3 = errors.Join(err3, errors.New("estimate_age must be the age that an estimate is asked for in k-ID's settings, 18 to 40"))
	}
	// Its pages are on addresses of its choice below one domain.
	return &KID{API: api, Key: key, Secret: []byte(secret), EstimateAge: e.EstimateAge, Client: client}, domainOf(api), errors.Join(err1, err2, err3)
}

func (e *entry) yoti(client *http.Client) (Remote, string, error) {
	api, err1 := address("api", e.API)
	key, err2 := e.Key.read("key", 1)
	if e.SDK == "" {
		err2 = errors.Join(err2, errors.New("sdk is missing"))
	}
	return &Yoti{API: api, Key: key, SDK: e.SDK, Client: client}, hostOf(api), errors.Join(err1, err2)
}

func (e *entry) oidc(ctx context.Context, client *http.Client, now func() time.Time) (Remote, string, error) {
	page, err1 := address("page", e.Page)
	_, err2 := address("keys", e.Keys)
	if e.ClientID == "" || e.Issuer == "" {
		err2 = errors.Join(err2, errors.New("client_id or issuer is missing"))
	}
	if len(e.Methods) != 1 {
		err2 = errors.Join(err2, errors.New("methods: an OpenID Connect provider stands for one"))
		return nil, "", errors.Join(err1, err2)
	}
	p := OIDC{Authorize: page, ClientID: e.ClientID, Method: e.Methods[0], Form: e.Form}
	return OpenOIDC(ctx, p, e.Issuer, e.Keys, client, now), hostOf(page), errors.Join(err1, err2)
}

// address reads an https address; http is for this machine alone.
func address(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("%s must be an https address", name)
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func hostOf(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Host
}

// domainOf is a host with a star for its first label, as content security
// policies write all hosts beside it.
func domainOf(u *url.URL) string {
	host := hostOf(u)
	if _, domain, ok := strings.Cut(host, "."); ok && strings.Contains(domain, ".") && net.ParseIP(u.Hostname()) == nil {
		return "*." + domain
	}
	return host
}

// read is the secret, of least bytes at least.
func (s secretAt) read(name string, least int) (string, error) {
	var text string
	switch {
	case s.Env != "" && s.File == "":
		text = os.Getenv(s.Env)
	case s.File != "" && s.Env == "":
		read, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		text = string(bytes.TrimSpace(read))
	default:
		return "", fmt.Errorf("%s must say where it stands: {env: NAME} or {file: PATH}", name)
	}
	if len(text) < least {
		return "", fmt.Errorf("%s has fewer than %d bytes where it stands", name, least)
	}
	return text, nil
}
