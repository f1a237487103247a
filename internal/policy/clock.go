package policy

import (
	_ "embed"
	"fmt"
	"strings"
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
	places map[string]*time.Location // by country or region
}

// NewClock reads the time zones.
func NewClock() (*Clock, error) {
	c := &Clock{places: map[string]*time.Location{}}
	for line := range strings.Lines(zones) {
		fields := strings.Fields(line)
		zone, err := time.LoadLocation(fields[0])
		if err != nil {
			return nil, fmt.Errorf("policy: time zone: %w", err)
		}
		for _, place := range fields[1:] {
			c.places[place] = zone
		}
	}
	return c, nil
}

// Hour is the hour of day, 0 to 23, at that time for people of a country and,
// where it matters, a region such as US-CA; nil if the place does not tell.
func (c *Clock) Hour(country, region string, at time.Time) *int {
	zone, ok := c.places[region]
	if !ok || !strings.HasPrefix(region, country+"-") {
		zone, ok = c.places[country]
	}
	if !ok {
		return nil
	}
	hour := at.In(zone).Hour()
	return &hour
}
