// Package judge asks a language model for a second opinion on texts that the
// detectors are unsure of. It is off unless an operator configures one, at any
// server that speaks OpenAI's chat completions.
//
// A judge sees a text and a policy of ours for one kind of harm, and gives a
// verdict that is checked to the letter. It sees no account, no id and no
// number, and never text that may sexualise a child. What it says can make an
// outcome stricter and never looser, so that a text which talks it round has
// gained nothing. It is slow and may fail, so nothing waits for it: Opinions
// asks after the decision is made; and where a rule reads its signal, Detector
// has the time of a detector, and its failure is a missing input.
package judge

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Options say which model is asked, and how much of it.
type Options struct {
	URL    string // of the API, up to and with its version: "http://127.0.0.1:8000/v1"
	Key    string // sent as a bearer token if it is set
	Model  string
	Format Format // how strictly the server is asked to keep to JSON; FormatSchema unless set

	Timeout   time.Duration // for one answer; 5 s unless set
	PerMinute int           // questions; 60 unless set
	PerDay    int           // questions; 10,000 unless set
	Remember  int           // verdicts; 10,000 unless set

	// From and To are the grey zone: what a detector scores from From and below To
	// is unsure. 0.3 to 0.8 unless set.
	From, To float64
	// Private has private communications judged as well.
	Private bool

	Secret    [32]byte // keys the memory of verdicts
	Transport http.RoundTripper
	Metrics   *telemetry.Metrics
	Now       func() time.Time
}

// Judge asks a model. It is safe for concurrent use.
type Judge struct {
	options  Options
	client   *http.Client
	policies []Policy
	known    *lru.Cache[[32]byte, Verdict]
	budget   budget
	breaker  breaker
	metrics  *metrics
}

// maxText bounds what is sent, in characters. Of longer texts nothing is: what
// is left out might be the harm.
const maxText = 16_000

// New is a judge. It sends nothing until it is asked.
func New(o Options) (*Judge, error) {
	o.complete()
	if o.URL == "" || o.Model == "" {
		return nil, errors.New("judge: a judge needs a URL and a model")
	}
	known, err := lru.New[[32]byte, Verdict](o.Remember)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	return &Judge{
		options: o,
		client: &http.Client{
			Transport: o.Transport,
			Timeout:   o.Timeout,
			// Elsewhere is not where the operator wants texts to go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		policies: Policies(),
		known:    known,
		budget:   budget{perMinute: o.PerMinute, perDay: o.PerDay},
		metrics:  newMetrics(o.Metrics),
	}, nil
}

func (o *Options) complete() {
	set := func(n *int, to int) {
		if *n == 0 {
			*n = to
		}
	}
	set(&o.PerMinute, 60)
	set(&o.PerDay, 10_000)
	set(&o.Remember, 10_000)
	if o.Format == "" {
		o.Format = FormatSchema
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.From == 0 && o.To == 0 {
		o.From, o.To = 0.3, 0.8
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Question is a text, and the policy that it is judged by.
type Question struct {
	Policy   *Policy
	Text     string
	Language string // BCP 47; may be unknown
	Reader   string // who may read it: ReaderChild, ReaderAdult, ReaderAnyone
}

// Who may read a text.
const (
	ReaderChild  = "a child, or somebody who may be one"
	ReaderAdult  = "adults"
	ReaderAnyone = "anyone"
)

// The reasons why there is no verdict. None of them holds anything of a text or
// an answer.
var (
	ErrBudget    = errors.New("judge: the budget is spent for now")
	ErrResting   = errors.New("judge: resting after failures")
	ErrTooLong   = errors.New("judge: the text is too long to be judged")
	ErrWithheld  = errors.New("judge: the text is not sent to a judge")
	ErrStatus    = errors.New("judge: the server answered with an error")
	ErrMalformed = errors.New("judge: the answer is not a verdict")
	ErrRefused   = errors.New("judge: the model refused to judge")
	ErrSteered   = errors.New("judge: the text tries to steer the judgement, and was not found to violate")
)

// statusError is the status of an answer that is not 200: an ErrStatus.
type statusError int

// Error says which status it is.
func (e statusError) Error() string { return fmt.Sprintf("%v: %d", ErrStatus, int(e)) }

// Is is true of ErrStatus.
func (e statusError) Is(target error) bool { return target == ErrStatus }

// Ask gives the verdict on a question: one that is known, or the model's. An
// error means that nothing is known of the text; see the Err values.
func (j *Judge) Ask(ctx context.Context, q Question) (Verdict, error) {
	began := j.options.Now()
	v, err := j.ask(ctx, q)
	j.metrics.asked(err, j.options.Now().Sub(began))
	return v, err
}

func (j *Judge) ask(ctx context.Context, q Question) (Verdict, error) {
	if utf8.RuneCountInString(q.Text) > maxText {
		return Verdict{}, ErrTooLong
	}
	q.Text = redact(q.Text)
	key := j.key(q)
	if v, ok := j.known.Get(key); ok {
		return v, trusted(q.Text, v)
	}
	now := j.options.Now()
	if !j.breaker.enter(now) {
		return Verdict{}, ErrResting
	}
	if !j.budget.take(now) {
		return Verdict{}, ErrBudget
	}
	v, err := j.send(ctx, q)
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) { // a caller who leaves is not the model's fault
		j.breaker.left(j.options.Now(), !down(err))
	}
	if err != nil {
		return Verdict{}, err
	}
	j.known.Add(key, v)
	return v, trusted(q.Text, v)
}

// down is whether an error is the server's trouble and not the text's: whoever
// writes what a model refuses or stumbles over must not switch the judge off.
func down(err error) bool {
	var status statusError
	switch {
	case err == nil, errors.Is(err, ErrMalformed), errors.Is(err, ErrRefused):
		return false
	case errors.As(err, &status):
		return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
	}
	return true // no connection, or no answer in time
}

// trusted refuses to believe a model that found nothing in a text which tries
// to steer it, or a call for help, which has no consequence either.
func trusted(text string, v Verdict) error {
	if (!v.Violates || v.SeeksHelp) && (v.Steers || steers(text)) {
		return ErrSteered
	}
	return nil
}

// key names a question without being of use to anybody who has not the secret.
func (j *Judge) key(q Question) [32]byte {
	mac := hmac.New(sha256.New, j.options.Secret[:])
	for _, part := range []string{j.options.Model, q.Policy.Text, q.Reader, q.Language, q.Text} {
		fmt.Fprintf(mac, "%d %s", len(part), part)
	}
	return [32]byte(mac.Sum(nil))
}

// Version names the model and the policies, so that a verdict can be traced to
// them.
func (j *Judge) Version() string {
	sum := sha256.New()
	fmt.Fprint(sum, instructions)
	for _, p := range j.policies {
		fmt.Fprint(sum, p.Kind, p.Text)
	}
	return strings.ReplaceAll(j.options.Model, "@", "-") + "-" + fmt.Sprintf("%x", sum.Sum(nil)[:4])
}
