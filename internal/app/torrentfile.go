package app

import (
	"fmt"
	"os"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
)

// readTorrents reads a file of info hashes.
func readTorrents(name string) ([]shoal.InfoHash, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the list: %w", err)
	}
	defer file.Close()
	hashes, err := policy.ReadTorrents(file)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err) // the error begins with the line
	}
	return hashes, nil
}
