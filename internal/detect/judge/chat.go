package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Format is how a server is asked for JSON.
type Format string

// The formats, strictest first. Whatever the server makes of it, the verdict is
// checked here.
const (
	FormatSchema Format = "json_schema" // the server keeps the model to the schema
	FormatObject Format = "json_object" // the server keeps the model to JSON
	FormatNone   Format = "none"        // for servers that know neither
)

const (
	maxAnswer = 256 << 10 // bytes of an answer that are read
	maxTokens = 1024      // of an answer; models that think aloud need room
)

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type chatRequest struct {
	Model       string          `json:"model"`
	Messages    []message       `json:"messages"`
	Temperature float64         `json:"temperature"`
	MaxTokens   int             `json:"max_tokens"`
	Format      json.RawMessage `json:"response_format,omitempty"`
}

type chatAnswer struct {
	Choices []struct {
		Message struct {
			Content *string `json:"content"`
			Refusal string  `json:"refusal"`
		} `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
}

// request is the two messages: ours, and the text as data in JSON.
func (j *Judge) request(q Question) ([]byte, error) {
	data, err := json.Marshal(struct {
		Content  string `json:"content"`
		Language string `json:"language,omitempty"`
		Reader   string `json:"who_may_read_it"`
	}{q.Text, q.Language, q.Reader})
	if err != nil {
		return nil, err
	}
	r := chatRequest{
		Model: j.options.Model,
		Messages: []message{
			{"system", instructions + "\nThe policy:\n\n" + q.Policy.Text},
			{"user", string(data)},
		},
		MaxTokens: maxTokens,
	}
	switch j.options.Format {
	case FormatSchema:
		r.Format = json.RawMessage(`{"type":"json_schema","json_schema":{"name":"verdict","strict":true,"schema":` + schema + `}}`)
	case FormatObject:
		r.Format = json.RawMessage(`{"type":"json_object"}`)
	case FormatNone:
	}
	return json.Marshal(r)
}

// send asks the model. Errors say nothing of what was sent or answered.
func (j *Judge) send(ctx context.Context, q Question) (Verdict, error) {
	body, err := j.request(q)
	if err != nil {
		return Verdict{}, fmt.Errorf("judge: request: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(j.options.URL, "/")+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return Verdict{}, errors.New("judge: the URL is not one")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if j.options.Key != "" {
		r.Header.Set("Authorization", "Bearer "+j.options.Key)
	}
	resp, err := j.client.Do(r)
	if err != nil {
		return Verdict{}, fmt.Errorf("judge: ask: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Verdict{}, statusError(resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Verdict{}, fmt.Errorf("judge: read: %w", err)
	}
	if len(answer) > maxAnswer {
		return Verdict{}, ErrMalformed
	}
	return readAnswer(answer)
}

// readAnswer finds the verdict in a chat completion.
func readAnswer(answer []byte) (Verdict, error) {
	var c chatAnswer
	if json.Unmarshal(answer, &c) != nil || len(c.Choices) != 1 {
		return Verdict{}, ErrMalformed
	}
	choice := &c.Choices[0]
	switch {
	case choice.Message.Refusal != "" || choice.FinishReason == "content_filter":
		return Verdict{}, ErrRefused
	case choice.Message.Content == nil, choice.FinishReason != "stop" && choice.FinishReason != "":
		return Verdict{}, ErrMalformed
	}
	return parseVerdict(*choice.Message.Content)
}
