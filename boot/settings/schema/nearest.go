// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"slices"
	"strings"
)

// Nearest gives the key that somebody may have meant who wrote another: of the same table the one that differs by the fewest
// letters; else the same word elsewhere, as a dotted key. It is empty if there is none.
func (t *Type) Nearest(path []string) string {
	parent, word := path[:len(path)-1], path[len(path)-1]
	if table, ok := t.Find(parent); ok {
		inner := table.Type
		if inner.Kind == List {
			inner = inner.Elem
		}
		var siblings []string
		for _, f := range inner.Fields {
			siblings = append(siblings, f.Key)
		}
		if near := nearest(word, siblings); near != "" {
			return strings.Join(append(slices.Clone(parent), near), ".")
		}
	}
	return t.elsewhere(word)
}

// elsewhere looks for a word among the last parts of all keys.
func (t *Type) elsewhere(word string) string {
	byWord := map[string]string{}
	var words []string
	t.Walk(func(path []string, f Field) {
		last := path[len(path)-1]
		if _, known := byWord[last]; !known {
			byWord[last] = strings.Join(path, ".")
			words = append(words, last)
		}
	})
	if key, ok := byWord[normal(word)]; ok {
		return key
	}
	return byWord[nearest(word, words)]
}

// normal writes a word as keys are written: with underscores, in small letters.
func normal(word string) string {
	return strings.ToLower(strings.ReplaceAll(word, "-", "_"))
}

// longest is the longest word that anybody can have meant.
const longest = 40

// nearest gives the candidate with the smallest distance, if that is small in relation to the word.
func nearest(word string, candidates []string) string {
	if len(word) > longest {
		return ""
	}
	word = normal(word)
	best, least := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		if d := distance(word, normal(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap with their neighbour in order to make one word of another (optimal
// string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
