package hashlist

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/breakwater-project/breakwater/hamming"
	"github.com/breakwater-project/breakwater/internal/fault"
)

// VideoShare is the percentage of a video's frames that must be in an entry
// for the two to match, as vPDQ's reference has it.
const VideoShare = 80

// Match finds what the banks know of q. What is wrong with q is a
// fault.Invalid; ErrLoading says that there is no index yet.
func (l *Lists) Match(ctx context.Context, q Query) (Result, error) {
	l.metrics.queries.Inc()
	result, err := l.match(ctx, q)
	if err != nil {
		return Result{}, wrap("match", err)
	}
	for _, m := range result.Matches {
		l.metrics.matches.WithLabelValues(Key(m.Bank), string(m.Kind)).Inc()
		l.hits.add(m)
	}
	return result, nil
}

func (l *Lists) match(ctx context.Context, q Query) (Result, error) {
	x := l.index.Load()
	if x == nil {
		return Result{}, ErrLoading
	}
	s, err := l.search(q)
	if err != nil {
		return Result{}, err
	}
	s.x = x
	if err := s.run(ctx); err != nil {
		return Result{}, err
	}
	found, err := l.verify(ctx, s, s.hits())
	if err != nil {
		return Result{}, err
	}
	return judge(found), nil
}

// search is a query that is under way.
type search struct {
	x     *index
	banks map[int64]*bankRow // that are asked
	known known
	codes []hamming.Code // the picture's, and turned
	limit *int           // in place of banks' distances
	all   bool           // also what is denied or disabled
	now   int64

	// nearest is by bank, so that a bank that anybody can add to, or one with
	// many copies, crowds no other's match out.
	nearest map[int64]*nearest
	most    int // hits of each bank
}

// search reads a query.
func (l *Lists) search(q Query) (*search, error) {
	k, err := l.read.read(q.Hashes)
	if err != nil {
		return nil, invalid("hash", err)
	}
	s := &search{known: k, limit: q.MaxDistance, all: q.Disabled, now: l.now().UnixMicro()}
	if k.pdq != nil {
		s.codes = append(s.codes, *k.pdq)
	}
	for _, text := range q.Turned {
		code, err := parsePDQ(text)
		if err != nil {
			return nil, invalid("hash", err)
		}
		if !slices.Contains(s.codes, code) {
			s.codes = append(s.codes, code)
		}
	}
	switch {
	case k.empty() && len(s.codes) == 0:
		return nil, invalid("hash", errNoHash)
	case q.MaxDistance != nil && (*q.MaxDistance < 0 || *q.MaxDistance > MaxDistance):
		return nil, invalid("max_distance", fmt.Errorf("must be 0 to %d", MaxDistance))
	case len(s.codes) > 64:
		return nil, invalid("hash", errors.New("has more turned hashes than there are ways to turn"))
	}
	if s.banks, err = l.asked(q, s); err != nil {
		return nil, err
	}
	s.nearest, s.most = map[int64]*nearest{}, cmp.Or(q.Limit, DefaultLimit)
	return s, nil
}

func invalid(where string, err error) error {
	return fault.Fieldwise(fault.Field{Location: where, Message: err.Error()})
}

// asked are the banks that a query is for: those it names or all, of them
// those that its content falls to by their ratio, and innocent ones always.
func (l *Lists) asked(q Query, s *search) (map[int64]*bankRow, error) {
	all := *l.banks.Load()
	var named map[string]bool
	if q.Banks != nil {
		named = make(map[string]bool, len(q.Banks))
		for _, name := range q.Banks {
			named[Key(name)] = true
		}
		for _, b := range all {
			delete(named, Key(b.Name))
		}
		for _, name := range q.Banks {
			if named[Key(name)] {
				return nil, noBank(name)
			}
			named[Key(name)] = true
		}
	}
	seed := q.Seed
	if seed == "" {
		seed = s.seed()
	}
	asked := make(map[int64]*bankRow, len(all))
	for id, b := range all {
		if named != nil && !named[Key(b.Name)] && b.Kind != Innocent {
			continue
		}
		if b.Ratio >= 1 || q.Everything || coin(b.Name, seed) < b.Ratio {
			asked[id] = b
		}
	}
	return asked, nil
}

// seed stands for what is looked for.
func (s *search) seed() string {
	if s.known.empty() {
		return s.codes[0].String()
	}
	return s.known.name()
}

// coin is a number from 0 up to 1 that depends on the bank and the seed only:
// the same content has the same answer, whenever and wherever it is asked.
func coin(bank, seed string) float64 {
	sum := sha256.Sum256([]byte(Key(bank) + "\x00" + seed))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

func (s *search) distance(b *bankRow) int {
	if s.limit != nil && b.Kind != Innocent {
		return *s.limit
	}
	return b.Distance
}

// kinds by what they say of two files that have the same: the first most.
var kinds = [...]Kind{SHA256, SHA1, MD5, URL, PDQ, VPDQ}

const (
	pdqKind  = 4
	vpdqKind = 5
)

// hit is an entry that the index has near the query.
type hit struct {
	bank     *bankRow
	number   uint32
	kind     uint8 // in kinds
	distance uint16
	share    uint8
}

func (s *search) run(ctx context.Context) error {
	for i, sum := range s.known.exact {
		if sum != nil {
			s.x.exact[i].find(sum, func(number uint32) { s.hit(number, uint8(i), 0, 0) })
		}
	}
	radius := -1
	for _, b := range s.banks {
		radius = max(radius, s.distance(b))
	}
	for _, code := range s.codes {
		for m := range s.x.near.Search(code, radius) {
			s.hit(uint32(m.ID), pdqKind, m.Distance, 0)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.video(ctx, radius)
}

// hit notes an entry if it may match.
func (s *search) hit(number uint32, kind uint8, distance int, share int) {
	if b := s.matching(number, distance); b != nil {
		n := s.nearest[b.id]
		if n == nil {
			n = &nearest{limit: s.most}
			s.nearest[b.id] = n
		}
		n.add(hit{b, number, kind, uint16(distance), uint8(share)})
	}
}

// hits are the nearest of every bank, in no order.
func (s *search) hits() (all []hit) {
	for _, n := range s.nearest {
		all = append(all, n.nearest()...)
	}
	return all
}

// matching is the bank of an entry that matches at a distance, else nil.
func (s *search) matching(number uint32, distance int) *bankRow {
	w := s.x.numbers.get(number)
	b := s.banks[w.bank()]
	if b == nil || w&live == 0 || distance > s.distance(b) || !s.all && !s.x.numbers.enabled(number, w, s.now) {
		return nil
	}
	return b
}

// video finds entries that have enough of the query's frames.
func (s *search) video(ctx context.Context, radius int) error {
	if s.known.frames == nil {
		return nil
	}
	type tally struct{ frames, last, least int }
	tallies := map[uint32]*tally{}
	for i, f := range s.known.frames {
		for m := range s.x.frames.Search(f.code, radius) {
			number := uint32(m.ID)
			if s.matching(number, m.Distance) == nil {
				continue
			}
			t := tallies[number]
			if t == nil {
				t = &tally{last: -1, least: m.Distance}
				tallies[number] = t
			}
			if t.last != i { // a frame counts once
				t.frames, t.last = t.frames+1, i
			}
			t.least = min(t.least, m.Distance)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for number, t := range tallies {
		if share := 100 * t.frames / len(s.known.frames); share >= VideoShare {
			s.hit(number, vpdqKind, t.least, share)
		}
	}
	return nil
}

// nearest keeps the nearest hits of a bank, of each entry and kind one.
type nearest struct {
	limit int
	hits  []hit
	worst *hit // once there are enough: whatever is no better is of no use
}

func (n *nearest) add(h hit) {
	if n.worst != nil && h.compare(*n.worst) >= 0 {
		return
	}
	n.hits = append(n.hits, h)
	if len(n.hits) >= 4*n.limit+256 {
		n.nearest()
	}
}

// nearest is what is kept, nearest first.
func (n *nearest) nearest() []hit {
	slices.SortFunc(n.hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.kind, b.kind), cmp.Compare(a.distance, b.distance))
	})
	n.hits = slices.CompactFunc(n.hits, func(a, b hit) bool { return a.number == b.number && a.kind == b.kind })
	slices.SortFunc(n.hits, hit.compare)
	if len(n.hits) >= n.limit {
		n.hits = n.hits[:n.limit]
		worst := n.hits[n.limit-1]
		n.worst = &worst
	}
	return n.hits
}

func (h hit) compare(o hit) int {
	return cmp.Or(cmp.Compare(h.distance, o.distance), cmp.Compare(h.kind, o.kind), cmp.Compare(h.number, o.number))
}

// found is a hit that the database confirms.
type found struct {
	hit
	Match
}

// verify reads the entries of hits: what the database does not have like that
// is left out.
func (l *Lists) verify(ctx context.Context, s *search, hits []hit) ([]found, error) {
	byBank := map[int64][]int64{}
	rows := make(map[int64]*entryRow, len(hits))
	for _, h := range hits {
		number := int64(h.number)
		if _, asked := rows[number]; !asked {
			rows[number] = nil
			byBank[h.bank.id] = append(byBank[h.bank.id], number)
		}
	}
	for bank, numbers := range byBank {
		err := entriesByNumber(ctx, l.db.Read, bank, numbers, func(row *entryRow) error {
			rows[row.num] = row
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]found, 0, len(hits))
	for _, h := range hits {
		row := rows[int64(h.number)]
		if row == nil || !s.confirms(h, row) {
			continue
		}
		m, err := h.match(row)
		if err != nil {
			return nil, err
		}
		all = append(all, found{h, m})
	}
	return all, nil
}

// confirms reports whether an entry, as the database has it, is what the
// index took it for.
func (s *search) confirms(h hit, row *entryRow) bool {
	if row.removed.Valid || !s.all && (verdicts[row.verdict] == Denied || row.until.Valid && row.until.Int64 > s.now) {
		return false
	}
	if int(h.kind) >= pdqKind { // the hashes of a number never change
		return true
	}
	k, err := unpack(row.hashes)
	return err == nil && bytes.Equal(k.exact[h.kind], s.known.exact[h.kind])
}

func (h hit) match(row *entryRow) (Match, error) {
	id := row.id.String
	if id == "" {
		k, err := unpack(row.hashes)
		if err != nil {
			return Match{}, err
		}
		id = k.name()
	}
	return Match{
		Bank: h.bank.Name, BankKind: h.bank.Kind, Entry: id, Number: row.num,
		Kind: kinds[h.kind], Distance: int(h.distance), Share: int(h.share),
		Classification: orElse(row.classification.String, h.bank.Classification),
		Source:         orElse(row.source.String, h.bank.Source),
		Confirmed:      verdicts[row.verdict] == Confirmed,
		Review:         row.quarantined.Valid,
	}, nil
}

// judge separates what innocent entries take back, and has each entry once.
func judge(all []found) Result {
	slices.SortFunc(all, func(a, b found) int { return a.compare(b.hit) })
	var innocents []found
	for _, f := range all {
		if f.bank.Kind == Innocent {
			innocents = append(innocents, f)
		}
	}
	matched := map[uint32]bool{}
	var r Result
	for _, f := range all {
		if f.bank.Kind != Innocent && !matched[f.number] && excuse(f, innocents) == nil {
			matched[f.number] = true
			r.Matches = append(r.Matches, f.Match)
		}
	}
	for _, f := range all {
		if f.bank.Kind == Innocent || matched[f.number] {
			continue
		}
		matched[f.number] = true
		r.Suppressed = append(r.Suppressed, Suppressed{f.Match, excuse(f, innocents).Match})
	}
	return r
}

// excuse is the innocent entry that takes a match back, if any does. One that
// may have been forged, or is further away than the match, does not.
func excuse(f found, innocents []found) *found {
	for i := range innocents {
		if innocents[i].excuses(f.hit) {
			return &innocents[i]
		}
	}
	return nil
}

// excuses: SHA-256 says that it is the very file. MD5 and SHA-1 collisions can
// be made, so an innocent file may have been made to match a guilty one: they
// take back only what matched by no more than themselves. Perceptual hashes
// take back what is no nearer.
func (f *found) excuses(h hit) bool {
	switch kinds[f.kind] {
	case SHA256:
		return true
	case URL, VPDQ:
		return h.kind == f.kind && h.share <= f.share
	case PDQ:
		return h.kind == f.kind && h.distance >= f.distance
	default:
		return h.kind == f.kind
	}
}
