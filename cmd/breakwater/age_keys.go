package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
)

// issuing are the flags of commands that work on an issuer's keys.
var issuing = map[string]string{"data": "data", "db": "db", "tokens.issuer": "issuer", "tokens.issue": "issue"}

func newAgeKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "The keys that sign age tokens: list, create, rotate, export",
		Long: `The keys that sign age tokens. There is one for each age, class and month; the
server makes them in time, a week before their month begins, and destroys the
private part when it is over. They are in the server's database, sealed under a
secret in its data folder.`,
		Args: cobra.NoArgs,
		RunE: help,
	}
	cmd.AddCommand(newAgeKeysList(), newAgeKeysCreate(), newAgeKeysRotate(), newAgeKeysExport())
	return cmd
}

// withTokenKeys runs f on the keys of the configured database; a server may be
// running on it.
func withTokenKeys(cmd *cobra.Command, s *settings, f func(*token.Keys) error) error {
	cfg, err := s.load(cmd, issuing)
	if err != nil {
		return err
	}
	keys, closeDB, err := app.OpenTokenKeys(cmd.Context(), cfg)
	if err != nil {
		return failed(err)
	}
	return failed(errors.Join(f(keys), closeDB()))
}

func newAgeKeysList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Every key that is in force, without what makes it sign", Args: cobra.NoArgs}
	s := bind(cmd, issuing)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withTokenKeys(cmd, s, func(keys *token.Keys) error {
			list, err := keys.Public(cmd.Context())
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tKEY ID\tSIGNS FROM\tUNTIL\tTOKENS LAPSE")
			for _, k := range list {
				e := k.Name.Epoch
				fmt.Fprintf(table, "%s\t%.16s\t%s\t%s\t%s\n", k.Name, k.Key.ID(), date(e.Begin()), date(e.End()), date(e.Lapse()))
			}
			return table.Flush()
		})
	}
	return cmd
}

func date(t time.Time) string { return t.Format(time.DateOnly) }

func newAgeKeysCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make the keys that are missing now, rather than when the server does",
		Args:  cobra.NoArgs,
	}
	s := bind(cmd, issuing)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withTokenKeys(cmd, s, func(keys *token.Keys) error {
			if keys.Host() == "" {
				return errors.New("nothing is issued here: set tokens.issuer and tokens.issue")
			}
			return keys.Ready(cmd.Context())
		})
	}
	return cmd
}

func newAgeKeysRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Withdraw a key that may have become known, and make another",
		Long: `Withdraws the key of a name, such as over-18.strict.2026-11, and makes another.
The tokens that it signed are worth nothing from then on: here within seconds,
elsewhere when the directory is read again. Monthly rotation needs no command.`,
		Args: cobra.ExactArgs(1),
	}
	s := bind(cmd, issuing)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, err := agetoken.ParseKeyName(args[0])
		if err != nil {
			return err
		}
		return withTokenKeys(cmd, s, func(keys *token.Keys) error { return keys.Rotate(cmd.Context(), name) })
	}
	return cmd
}

func newAgeKeysExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the public keys, as a directory that others can trust",
		Long: `Prints the directory of the public keys, as the server publishes it. A server
that only verifies takes the file as tokens.trust: [HOST=FILE].`,
		Args: cobra.NoArgs,
	}
	s := bind(cmd, issuing)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withTokenKeys(cmd, s, func(keys *token.Keys) error {
			d, err := keys.Directory(cmd.Context())
			if err != nil {
				return err
			}
			text, err := json.MarshalIndent(d, "", "  ")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
			return err
		})
	}
	return cmd
}
