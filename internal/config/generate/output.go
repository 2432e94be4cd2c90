package main

import (
	_ "embed"
	"fmt"
	"strings"
)

func reference(sections []section) string {
	var b strings.Builder
	b.WriteString("# Configuration of shoal: every key at its default. A key that is left out keeps\n" +
		"# it, so a file needs only what differs. Ranges, the environment and what a\n" +
		"# reload changes: docs/configuration.md.\n")
	for _, s := range sections {
		b.WriteByte('\n')
		if s.Path != "" {
			b.WriteString(comment(s.comment))
			if s.Many {
				fmt.Fprintf(&b, "[[%s]]\n", s.Path)
			} else {
				fmt.Fprintf(&b, "[%s]\n", s.Path)
			}
		}
		write := func(keys []key) {
			for i, k := range keys {
				if i > 0 {
					b.WriteByte('\n')
				}
				b.WriteString(comment(k.comment))
				fmt.Fprintf(&b, "%s = %s\n", k.Leaf(), k.standard)
			}
		}
		write(s.keys)
		for _, t := range s.tables {
			fmt.Fprintf(&b, "\n%s[%s]\n", comment(t.comment), t.Path)
			write(t.keys)
		}
	}
	return b.String()
}

func comment(text string) string {
	return "# " + strings.ReplaceAll(text, "\n", "\n# ") + "\n"
}

//go:embed intro.md
var intro string

func page(sections []section) string {
	var b strings.Builder
	b.WriteString(strings.Replace(intro, "LIVE_KEYS\n", live(sections), 1))
	for _, s := range sections {
		switch {
		case s.Path == "":
			b.WriteString("\n### Outside of all sections\n")
		case s.Many:
			fmt.Fprintf(&b, "\n### `[[%s]]`\n", s.Path)
		default:
			fmt.Fprintf(&b, "\n### `[%s]`\n", s.Path)
		}
		if s.comment != "" {
			fmt.Fprintf(&b, "\n%s\n", s.comment)
		}
		rows(&b, s.keys)
		for _, t := range s.tables {
			below := ""
			if s.Many {
				below = fmt.Sprintf(", below a `[[%s]]`", s.Path)
			}
			fmt.Fprintf(&b, "\n### `[%s]`%s\n\n%s\n", t.Path, below, t.comment)
			rows(&b, t.keys)
		}
	}
	return b.String()
}

func rows(b *strings.Builder, keys []key) {
	b.WriteString("\n| key | type | default | allowed | live | meaning |\n|---|---|---|---|---|---|\n")
	for _, k := range keys {
		reload := "no"
		if k.Live() {
			reload = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | `%s` | %s | %s | %s |\n", k.Leaf(), k.Type(), k.standard,
			cell(k.allowed), reload, cell(k.comment))
	}
}

// cell makes a text fit into a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`).Replace(text)
}

func live(sections []section) string {
	var b strings.Builder
	for _, s := range sections {
		for _, k := range s.keys {
			if k.Live() {
				fmt.Fprintf(&b, "- `%s`\n", k.Path)
			}
		}
	}
	return b.String()
}
