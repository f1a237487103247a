package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// countryCodes are the ISO 3166-1 alpha-2 codes.
const countryCodes = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"

// euMembers are the member states of the European Union.
const euMembers = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

// EU is the jurisdiction that every member state is part of, besides its own.
const EU = "EU"

func isCountry(code string) bool  { return isCode(code, countryCodes) }
func isEUMember(code string) bool { return isCode(code, euMembers) }

func isCode(code, codes string) bool {
	return len(code) == 2 && !strings.Contains(code, " ") && strings.Contains(codes, code)
}

// jurisdiction reads a country, EU, or a region as "US-CA".
func (f *file) jurisdiction(n *yaml.Node) string {
	code := f.string(n)
	country, region, isRegion := strings.Cut(code, "-")
	switch {
	case code == "":
	case code == "UK":
		f.fault(n, "%q: the United Kingdom is GB", code)
	case code == EU:
	case !isCountry(country):
		f.fault(n, "%q is not a jurisdiction: want ISO 3166 as GB or US-CA, or EU", code)
	case isRegion && (region == "" || len(region) > 3 || strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != ""):
		f.fault(n, "%q is not a region: want ISO 3166-2, for example US-CA", code)
	}
	return code
}

// JurisdictionsOf lists, sorted, whose rules hold for a person there: the
// country's, the region's, and those of the union that it is part of. None is
// known for an unknown country.
func JurisdictionsOf(country, region string) []string {
	if country == "" {
		return nil
	}
	codes := []string{country}
	if isEUMember(country) {
		codes = append(codes, EU)
	}
	if strings.HasPrefix(region, country+"-") {
		codes = append(codes, region)
	}
	slices.Sort(codes)
	return codes
}

// maxPlaces is how many different jurisdictions a bundle may name.
const maxPlaces = 256

// mask is a set of the jurisdictions that a bundle names.
type mask [maxPlaces / 64]uint64

func (m *mask) set(i int)  { m[i/64] |= 1 << (i % 64) }
func (m *mask) add(o mask) { m[0], m[1], m[2], m[3] = m[0]|o[0], m[1]|o[1], m[2]|o[2], m[3]|o[3] }
func (m *mask) meets(o *mask) bool {
	return m[0]&o[0]|m[1]&o[1]|m[2]&o[2]|m[3]&o[3] != 0
}

// places numbers the jurisdictions that a bundle names.
type places struct {
	names []string // sorted
	all   mask
	bit   map[string]int
	known map[string]place // by country, and EU
}

// place is what one country stands for.
type place struct {
	mask  mask
	names []string
}

func newPlaces(names []string) places {
	slices.Sort(names)
	p := places{names: slices.Compact(names), bit: map[string]int{}, known: map[string]place{}}
	for i, name := range p.names {
		p.bit[name] = i
		p.all.set(i)
	}
	for _, country := range strings.Fields(countryCodes) {
		names := JurisdictionsOf(country, "")
		p.known[country] = place{mask: p.mask(names), names: names}
	}
	union := []string{EU}
	p.known[EU] = place{mask: p.mask(union), names: union}
	return p
}

// expand is the jurisdictions that codes stand for: a country brings in the
// union that it is part of, a region its country.
func expand(codes []string) []string {
	var all []string
	for _, code := range codes {
		country, _, _ := strings.Cut(code, "-")
		if code == EU {
			all = append(all, EU)
		} else {
			all = append(all, JurisdictionsOf(country, code)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *places) mask(names []string) mask {
	var m mask
	for _, name := range names {
		if i, ok := p.bit[name]; ok {
			m.set(i)
		}
	}
	return m
}

// PlacesOf lists the jurisdictions with rules of their own in b that hold for
// s: all of them if its country is unknown.
func (b *Bundle) PlacesOf(s Subject) []string {
	m := b.placesOf(s, nil)
	var names []string
	for i, name := range b.places.names {
		if m[i/64]&(1<<(i%64)) != 0 {
			names = append(names, name)
		}
	}
	return names
}
