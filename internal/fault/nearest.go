package fault

import "strings"

// Nearest is the one of names that a misspelt name most likely means, or ""
// where none is near: three letters off at most, whatever their case.
func Nearest(name string, names []string) string {
	best, least := "", 4
	for _, other := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(other)); d < least {
			best, least = other, d
		}
	}
	return best
}

// maxName bounds what is compared, in bytes: a longer name is no misspelt one.
const maxName = 100

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	if len(a) > maxName || len(b) > maxName {
		return maxName
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
