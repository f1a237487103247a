package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	appbsky "github.com/bluesky-social/indigo/api/bsky"
	"github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/bluesky-social/indigo/automod"
	"github.com/bluesky-social/indigo/automod/cachestore"
	"github.com/bluesky-social/indigo/automod/countstore"
	"github.com/bluesky-social/indigo/automod/flagstore"
	"github.com/bluesky-social/indigo/automod/rules"
	"github.com/bluesky-social/indigo/automod/setstore"
)

// peer is automod's engine with posts to process.
type peer struct {
	engine automod.Engine
	posts  []automod.RecordOp
}

// newAutomod is the engine with its default rules, in-memory stores and that
// many accounts, which write that many posts in turn. One in replyOneIn is a
// reply, which costs automod more; 0 is none.
func newAutomod(accounts, posts, replyOneIn int) (*peer, error) {
	directory := identity.NewMockDirectory()
	dids := make([]syntax.DID, accounts)
	for i := range dids {
		dids[i] = syntax.DID(fmt.Sprintf("did:plc:%024d", i))
		directory.Insert(identity.Identity{DID: dids[i], Handle: syntax.Handle(fmt.Sprintf("user%d.example.com", i))})
	}
	sets := setstore.NewMemSetStore()
	for _, name := range []string{"bad-hashtags", "bad-words", "worst-words", "promo-domain"} {
		sets.Sets[name] = map[string]bool{"badword": true, "worse": true}
	}
	p := &peer{engine: automod.Engine{
		Logger:    slog.New(slog.DiscardHandler),
		Directory: directory,
		Rules:     rules.DefaultRules(),
		Counters:  countstore.NewMemCountStore(),
		Sets:      sets,
		Flags:     flagstore.NewMemFlagStore(),
		Cache:     cachestore.NewMemCacheStore(10_000, time.Hour),
	}}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same posts every time is the point
	for i := range posts {
		op, err := post(r, dids, i, replyOneIn)
		if err != nil {
			return nil, err
		}
		p.posts = append(p.posts, op)
	}
	return p, nil
}

// post makes up a post of 5 to 30 words; a fifth have a tag.
func post(r *rand.Rand, dids []syntax.DID, i, replyOneIn int) (automod.RecordOp, error) {
	words := strings.Fields("the sea is calm today and we walked along the harbour wall to see the boats come in before rain")
	var text []string
	for range 5 + r.IntN(26) {
		text = append(text, words[r.IntN(len(words))])
	}
	record := appbsky.FeedPost{Text: strings.Join(text, " "), CreatedAt: "2026-11-24T10:00:00.000Z", Langs: []string{"en"}}
	if r.IntN(5) == 0 {
		record.Tags = []string{words[r.IntN(len(words))]}
	}
	if replyOneIn > 0 && r.IntN(replyOneIn) == 0 {
		record.Reply = replyTo(dids[r.IntN(len(dids))])
	}
	var buf bytes.Buffer
	if err := record.MarshalCBOR(&buf); err != nil {
		return automod.RecordOp{}, err
	}
	cid := syntax.CID("bafyreia3tbsfxe3cc75xrxyyn6qc42oupi73fxiox76prlyi5bpx7hr72u")
	return automod.RecordOp{
		Action: automod.CreateOp, DID: dids[i%len(dids)], Collection: "app.bsky.feed.post",
		RecordKey: syntax.RecordKey(fmt.Sprintf("3k%011d", i)), CID: &cid, RecordCBOR: buf.Bytes(),
	}, nil
}

// replyTo is a reply to a post of that account.
func replyTo(did syntax.DID) *appbsky.FeedPost_ReplyRef {
	ref := &comatproto.RepoStrongRef{
		Cid: "bafyreia3tbsfxe3cc75xrxyyn6qc42oupi73fxiox76prlyi5bpx7hr72u",
		Uri: "at://" + did.String() + "/app.bsky.feed.post/3kabcdefghijk",
	}
	return &appbsky.FeedPost_ReplyRef{Root: ref, Parent: ref}
}

func (p *peer) process(ctx context.Context, i int) error {
	return p.engine.ProcessRecordOp(ctx, p.posts[i%len(p.posts)])
}
