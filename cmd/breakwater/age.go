package main

import "github.com/spf13/cobra"

func newAge() *cobra.Command {
	cmd := &cobra.Command{Use: "age", Short: "Age assurance: check what a wallet or a token proves", Args: cobra.NoArgs, RunE: help}
	cmd.AddCommand(newAgeVerify())
	return cmd
}

func newAgeVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check one proof, offline, and say what it proves",
		Args:  cobra.NoArgs,
		RunE:  help,
	}
	cmd.AddCommand()
	return cmd
}
