package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
)

// fromInput reports whether the one argument asks to read standard input.
func fromInput(args []string) bool { return len(args) == 1 && args[0] == "-" }

const (
	maxBatch = 500      // lines that are committed together
	maxLine  = 64 << 10 // bytes
)

// eachBatch reads lines and hands them on as they come: as many as there are, 500
// at most, and never waiting for one while it has others. Empty lines and those
// that begin with # are passed over.
func eachBatch(in io.Reader, take func(first int, lines []string) error) error {
	lines := make(chan string, maxBatch)
	var failed error
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		failed = scanner.Err() // read after lines was closed
	}()
	number := 0
	for line := range lines {
		batch := []string{line}
	more:
		for len(batch) < maxBatch {
			select {
			case line, ok := <-lines:
				if !ok {
					break more
				}
				batch = append(batch, line)
			default:
				break more
			}
		}
		if err := take(number+1, batch); err != nil {
			return err
		}
		number += len(batch)
	}
	if failed != nil {
		return fmt.Errorf("reading standard input, behind line %d: %w", number, failed)
	}
	return nil
}

// isComment reports whether a line of a list says nothing.
func isComment(line string) bool {
	line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
	return line == "" || line[0] == '#'
}

// hashesOf reads info hashes from arguments, or from standard input.
func hashesOf(cmd *cobra.Command, args []string, take func([]shoal.InfoHash) error) error {
	if !fromInput(args) {
		hashes, err := parseInfoHashes(args)
		if err != nil {
			return err
		}
		return take(hashes)
	}
	return eachBatch(cmd.InOrStdin(), func(first int, lines []string) error {
		var hashes []shoal.InfoHash
		for i, line := range lines {
			if isComment(line) {
				continue
			}
			text, _, _ := strings.Cut(strings.TrimPrefix(line, "\ufeff"), "#")
			hash, err := shoal.ParseInfoHash(strings.TrimSpace(text))
			if err != nil {
				return fmt.Errorf("standard input, line %d: %w", first+i, err)
			}
			hashes = append(hashes, hash)
		}
		if len(hashes) == 0 {
			return nil
		}
		return take(hashes)
	})
}
