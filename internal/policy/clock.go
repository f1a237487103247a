package policy

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the same hours on every machine
)

// zones has one line for each time zone: its name, and the countries or
// regions whose people, or nearly all of them, live by it. Countries with
// several zones are there by region only.
//
//go:embed zones.txt
var zones string

// Clock knows what time it is where people are.
type Clock struct {
	places map[string]*time.Location   // by country or region
	parts  map[string][]*time.Location // by country that has several
	named  sync.Map                    // of name → *time.Location, those that were asked for
}

// NewClock reads the time zones.
func NewClock() (*Clock, error) {
	c := &Clock{places: map[string]*time.Location{}, parts: map[string][]*time.Location{}}
	for line := range strings.Lines(zones) {
		fields := strings.Fields(line)
		zone, err := time.LoadLocation(fields[0])
		if err != nil {
			return nil, fmt.Errorf("policy: time zone: %w", err)
		}
		for _, place := range fields[1:] {
			c.places[place] = zone
			country, _, isPart := strings.Cut(place, "-")
			if isPart && !slices.Contains(c.parts[country], zone) {
				c.parts[country] = append(c.parts[country], zone)
			}
		}
	}
	return c, nil
}

// Hour is the hour of day, 0 to 23, at that time for people of a country and,
// where it matters, a region such as US-CA; nil if the place does not tell.
func (c *Clock) Hour(country, region string, at time.Time) *int {
	zone := c.Of(country, region)
	if zone == nil {
		return nil
	}
	hour := at.In(zone).Hour()
	return &hour
}

// Of is the time zone that people of a country and, where it matters, a region
// live by; nil if the place does not tell.
func (c *Clock) Of(country, region string) *time.Location {
	zone, ok := c.places[region]
	if !ok || !strings.HasPrefix(region, country+"-") {
		zone = c.places[country]
	}
	return zone
}

// Zones are the time zones that people there may live by: one where Of tells,
// else those that are known of the country's regions; none where nothing is.
func (c *Clock) Zones(country, region string) []*time.Location {
	if zone := c.Of(country, region); zone != nil {
		return []*time.Location{zone}
	}
	return c.parts[country]
}

// zonePattern is how the names of the IANA's time zones are written.
var zonePattern = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,32}){0,2}$`)

// Zone is the IANA's time zone of that name, for example Europe/Berlin; nil if
// there is none.
func (c *Clock) Zone(name string) *time.Location {
	if zone, ok := c.named.Load(name); ok {
		return zone.(*time.Location)
	}
	if !zonePattern.MatchString(name) || name == "Local" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	c.named.Store(name, zone)
	return zone
}
