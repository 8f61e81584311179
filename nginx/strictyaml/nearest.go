package strictyaml

import (
	"fmt"
	"strings"
)

// maxName bounds the work of one comparison; no key is longer.
const maxName = 64

// Nearest returns the known name that is most like name, and false if none is near. At most a third of the letters may be wrong,
// missing, too many or swapped with a neighbour. Case, '-' and '_' do not count. Of two equally near names the first one listed
// wins.
func Nearest(name string, known []string) (string, bool) {
	best, bestDistance := "", -1
	for _, k := range known {
		d, near := distance(fold(name), fold(k))
		if near && (bestDistance < 0 || d < bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best, bestDistance >= 0
}

// hint ends the message about an unknown key.
func hint(name string, known []string) string {
	if near, ok := Nearest(name, known); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; known are " + strings.Join(known, ", ")
}

var folder = strings.NewReplacer("-", "", "_", "")

func fold(s string) string { return strings.ToLower(folder.Replace(s)) }

// distance counts the edits between a and b (optimal string alignment, Boytsov 2011, section 2.1), and says whether that is near.
// A prefix of a name ("addr", "address") is near too.
func distance(a, b string) (int, bool) {
	if len(a) > maxName || len(b) > maxName {
		return 0, false
	}
	d := edits(a, b)
	prefix := min(len(a), len(b)) >= 3 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
	return d, prefix || d <= (max(len(a), len(b))+1)/3
}

// edits keeps three rows of the usual table: the one two above, the one above, the one being filled.
func edits(a, b string) int {
	var rows [3][maxName + 1]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
