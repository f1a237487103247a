// Package age answers which ages an account may have, so that doubt only ever
// protects. It never knows a birth date: an age is a half-open interval of
// years, how it is known, and until when that holds.
//
// What is known comes as signals, of which Merge makes one answer. Their order
// does not matter, and one that comes twice counts once:
//
//	signal                                        effect on the interval
//	────────────────────────────────────────────  ─────────────────────────────────────────────
//	none                                          [from of the youngest admitted band, 150): unknown
//	verified; estimated with confidence ≥ 0.9     what all of them agree on
//	  … that contradict each other                all that any of them allows, and doubt
//	declared, guardian, and none of the above     at least the youngest of what is claimed; never proof,
//	                                              and the older end stays open
//	everything else (inferred, an estimate of     lowers the younger end if it is lower;
//	  less confidence, anything expired), and     never raises it, never proves anything
//	  declared or guardian beside the above
//
// A full year after a signal was given, the account may be a year older: the
// older end moves, the younger does not.
//
// An adult is proven only by signals of the second row. A declaration never
// is proof (R25), and evidence that an account is younger than was proven
// takes the proof away until the age is checked again (R33).
package age

import (
	"embed"

	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "age", FS: migrations} }
