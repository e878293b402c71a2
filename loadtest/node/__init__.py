"""The stand-in node: one process that speaks BigBlueButton 3.0, to rehearse against.

It is not BigBlueButton, and its capacity says nothing about BigBlueButton's. It exists
so that bots, runs and plans can be tried and tested without a server, and it keeps to
what a client can see on the wire.

    settings, faults                         what the operator chose
    state, meeting, users, content           what there is, and who may do what
    checksum, create_call, answers, meeting_info, api, session_calls       HTTP
    schema, documents                        GraphQL, checked as Hasura checks it
    tables, *_rows, select_rows, evaluation, patches                       its data
    mutations, *_mutations                   what clients may ask for
    subscriptions, conversation, connections, middleware                   /graphql
    sfu, signalling, *sessions, forwarding, transport, uplink, …           media
    effort, metrics, app                     brakes, measures, the running whole
"""
