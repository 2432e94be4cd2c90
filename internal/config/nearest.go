package config

import "strings"

// suggestion returns the end of a message about an unknown key: the nearest
// one there is, or what there is at that place.
func suggestion(path string) string {
	best, least := "", 1+max(2, len(path)/4)
	for _, s := range sections {
		for _, k := range s.Keys {
			if d := distance(path, k.Path); d < least {
				best, least = k.Path, d
			}
		}
	}
	if best != "" {
		return "; did you mean " + best + "?"
	}
	// The right name in the wrong section, or in none.
	leaf := path[strings.LastIndexByte(path, '.')+1:]
	var same []string
	for _, s := range sections {
		for _, k := range s.Keys {
			if k.Leaf() == leaf {
				same = append(same, k.Path)
			}
		}
	}
	if len(same) > 0 {
		return "; did you mean " + strings.Join(same, " or ") + "?"
	}
	if table, ok := tableOf(path[:max(0, len(path)-len(leaf)-1)]); ok {
		return "; " + table.Path + " has the keys " + leaves(table.Keys)
	}
	first, _, _ := strings.Cut(path, ".")
	if s, ok := sectionOf(first); ok {
		return "; [" + first + "] has the keys " + names(s)
	}
	return "; there are " + names(sections[0]) + " and the sections " + sectionNames()
}

func sectionNames() string {
	var all []string
	for _, s := range sections[1:] {
		if s.Many {
			all = append(all, "[["+s.Path+"]]")
		} else {
			all = append(all, "["+s.Path+"]")
		}
	}
	return strings.Join(all, ", ")
}

// names returns the keys of a section, a table as one of them.
func names(s Section) string {
	inside := 0
	for _, table := range s.Tables {
		inside += len(table.Keys)
	}
	all := leaves(s.Keys[:len(s.Keys)-inside])
	for _, table := range s.Tables {
		all += ", " + table.Field.Tag.Get("toml")
	}
	return all
}

func leaves(keys []Key) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.Leaf()
	}
	return strings.Join(all, ", ")
}

// distance counts the bytes to insert, delete, replace or swap with their
// neighbour that turn a into b (optimal string alignment).
func distance(a, b string) int {
	const far = 1 << 10
	if len(a) > 64 || len(b) > 64 { // no key is that long, and the work is a product
		return far
	}
	var before, last, row [65]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
