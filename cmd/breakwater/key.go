package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// platformRole is what a platform's own backend needs.
var platformRole = []keys.Role{keys.Platform}

func newKey() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "API keys: create, list, revoke", Args: cobra.NoArgs, RunE: help}
	cmd.AddCommand(newKeyCreate(), newKeyList(), newKeyRevoke())
	return cmd
}

// withKeys runs f on the keys of the configured database; a server may be
// running on it.
func withKeys(cmd *cobra.Command, s *settings, f func(*keys.Ring) error) error {
	cfg, err := s.load(cmd, storage)
	if err != nil {
		return err
	}
	ring, closeDB, err := app.OpenKeys(cmd.Context(), cfg)
	if err != nil {
		return failed(err)
	}
	return failed(errors.Join(f(ring), closeDB()))
}

func newKeyCreate() *cobra.Command {
	var roles, name string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key and print it, the only time that it is shown",
		Args:  cobra.NoArgs,
	}
	s := bind(cmd, storage)
	cmd.Flags().StringVar(&roles, "role", "platform", "platform, reviewer, analyst, compliance or admin; several with commas")
	cmd.Flags().StringVar(&name, "name", "", "what it is for")
	_ = cmd.MarkFlagRequired("name") // fails only without such a flag
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		parsed, err := keys.ParseRoles(strings.Split(roles, ","))
		if err != nil {
			return err
		}
		return withKeys(cmd, s, func(ring *keys.Ring) error {
			_, credential, err := ring.Create(cmd.Context(), name, parsed)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), credential)
			}
			return err
		})
	}
	return cmd
}

func newKeyList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Every key, without what makes it work", Args: cobra.NoArgs}
	s := bind(cmd, storage)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withKeys(cmd, s, func(ring *keys.Ring) error {
			list, err := ring.List(cmd.Context())
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tNAME\tROLES\tCREATED\tLAST USED\tREVOKED")
			for _, k := range list {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, roleList(k.Roles), day(k.Created), day(k.LastUsed), day(k.Revoked))
			}
			return table.Flush()
		})
	}
	return cmd
}

func newKeyRevoke() *cobra.Command {
	cmd := &cobra.Command{Use: "revoke ID", Short: "End a key, within seconds also on running servers", Args: cobra.ExactArgs(1)}
	s := bind(cmd, storage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withKeys(cmd, s, func(ring *keys.Ring) error { return ring.Revoke(cmd.Context(), args[0]) })
	}
	return cmd
}

func roleList(roles []keys.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}
