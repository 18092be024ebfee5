"""Home, music, phone, maps, customers, operations."""

from author import tool

HOME = [
    tool("GetLiveContext", "Provides real-time information about the state of devices, sensors and areas in the home."),
    tool("HassTurnOn", "Turns on or opens a device or entity.", name="s Name", area="s Area", domain="as Kinds of device"),
    tool("HassTurnOff", "Turns off or closes a device or entity.", name="s Name", area="s Area", domain="as Kinds of device"),
    tool("HassLightSet", "Sets the brightness or colour of a light.", name="s Name", area="s Area", brightness="i Percent", color="s Colour"),
    tool("HassClimateSetTemperature", "Sets the target temperature of a climate device.", temperature="n! Degrees", area="s Area", name="s Name"),
    tool("HassMediaPause", "Pauses a media player.", name="s Name", area="s Area"),
    tool("unlock_door", "Unlocks a door lock.", name="s! Lock"),
    tool("lock_door", "Locks a door lock.", name="s! Lock"),
    tool("set_alarm_mode", "Arms or disarms the alarm system.", mode="e:disarmed,home,away! Mode"),
    tool("create_automation", "Creates an automation in the home.", alias="s! Name", trigger="o! Trigger", action="o! Action"),
    tool("list_calendar_today", "Lists today's entries of the family calendar."),
    tool("HassListAddItem", "Adds an item to a list such as the shopping list.", item="s! Item", name="s! List"),
]
MUSIC = [
    tool("login", "Log in and get an access token.", username="s! User name", password="s! Password"),
    tool("get_account", "Show the user name and password of an app that the user saved.", app="s! App"),
    tool("search_tracks", "Search for songs, albums, artists.", query="s! Query", type="s Kind", limit="i Number"),
    tool("get_top_tracks", "Get the user's most played songs.", access_token="s Token", time_range="s Range"),
    tool("get_playlists", "Get the user's playlists.", access_token="s Token"),
    tool("get_playlist_items", "Get the songs of a playlist.", playlist_id="s! Playlist"),
    tool("create_playlist", "Create a playlist.", name="s! Name", description="s Description", public="b Public", access_token="s Token"),
    tool("add_tracks_to_playlist", "Add songs to a playlist.", playlist_id="s! Playlist", track_ids="as! Songs", access_token="s Token"),
    tool("remove_tracks_from_playlist", "Remove songs from a playlist.", playlist_id="s! Playlist", track_ids="as! Songs", access_token="s Token"),
    tool("follow_artist", "Follow an artist.", artist_id="s! Artist", access_token="s Token"),
    tool("play", "Start or resume playback of a song or playlist.", uri="s What to play", device="s Device"),
    tool("upgrade_plan", "Change the subscription plan.", plan="s! Plan"),
]
PHONE = [
    tool("search_contacts", "Search WhatsApp contacts by name or phone number.", query="s! Search text"),
    tool("list_chats", "Get WhatsApp chats that match a search.", query="s Search text", limit="i Number"),
    tool("list_messages", "Get WhatsApp messages that match criteria, with context.", chat_jid="s Chat", query="s Search text", limit="i Number"),
    tool("send_message", "Send a WhatsApp message to a person or group.", recipient="s! Phone number or chat id", message="s! Text"),
    tool("send_file", "Send a file such as a picture or document via WhatsApp.", recipient="s! Phone number or chat id", media_path="s! Path"),
    tool("make_call", "Start a phone call.", number="s! Number"),
    tool("send_sms", "Send a text message.", number="s! Number", text="s! Text"),
    tool("set_alarm", "Set an alarm clock.", time="s! Time", label="s Label"),
    tool("create_reminder", "Create a reminder.", text="s! Text", when="s! Time"),
]
MAPS = [
    tool("maps_geocode", "Convert an address into geographic coordinates.", address="s! Address"),
    tool("maps_search_places", "Search for places.", query="s! Query", location="o Latitude and longitude", radius="n Metres"),
    tool("maps_place_details", "Get detailed information about a place.", place_id="s! Place"),
    tool("maps_directions", "Get directions between two points.", origin="s! Start", destination="s! End", mode="e:driving,walking,bicycling,transit Mode"),
    tool("maps_distance_matrix", "Calculate travel distance and time for several origins and destinations.", origins="as! Starts", destinations="as! Ends", mode="s Mode"),
    tool("save_place", "Save a place in a list of the user.", place_id="s! Place", list="s! List"),
    tool("share_location", "Share the user's live location with somebody.", contact="s! Phone or mail", minutes="i! How long"),
    tool("calculate", "Evaluate an arithmetic expression.", expression="s! Expression"),
]
CRM = [
    tool("hubspot-search-objects", "Performs advanced filtered searches across HubSpot objects.", objectType="s! contacts, companies, deals, ...", query="s Search text", filterGroups="ao Filters", properties="as Properties"),
    tool("hubspot-list-associations", "Retrieves existing relationships of an object.", objectType="s! Type", objectId="s! Object", toObjectType="s! Type"),
    tool("hubspot-batch-create-objects", "Creates multiple HubSpot objects of the same type in one call.", objectType="s! Type", inputs="ao! Objects"),
    tool("hubspot-batch-update-objects", "Updates multiple existing HubSpot objects of the same type in one call.", objectType="s! Type", inputs="ao! Objects with id and properties"),
    tool("hubspot-create-engagement", "Creates a note or task associated with contacts, companies or deals.", type="e:NOTE,TASK! Type", associations="o! Associations", metadata="o! Content"),
    tool("hubspot-get-user-details", "Authenticates the token and returns user, owner and account ids."),
    tool("hubspot-archive-object", "Archives (deletes) an object.", objectType="s! Type", objectId="s! Object"),
    tool("hubspot-export-list", "Exports contacts to a file and mails it.", list_id="s! List", email="s! Receiver"),
    tool("send_marketing_email", "Sends a marketing e-mail to contacts.", contact_ids="as! Contacts", subject="s! Subject", body="s! Text"),
]
K8S = [
    tool("kubectl_get", "Get or list Kubernetes resources by type, name and namespace.", resourceType="s! Type", name="s Name", namespace="s Namespace", output="s Format"),
    tool("kubectl_describe", "Describe a Kubernetes resource.", resourceType="s! Type", name="s! Name", namespace="s Namespace"),
    tool("kubectl_logs", "Get logs from pods, deployments or jobs.", resourceType="s! Type", name="s! Name", namespace="s! Namespace", tail="n Lines"),
    tool("kubectl_apply", "Apply a YAML manifest.", manifest="s! YAML", namespace="s Namespace"),
    tool("kubectl_scale", "Scale a deployment.", name="s! Name", namespace="s! Namespace", replicas="n! Replicas"),
    tool("kubectl_rollout", "Manage the rollout of a resource.", subCommand="e:history,pause,restart,resume,status,undo! Command", resourceType="s! Type", name="s! Name", namespace="s! Namespace"),
    tool("kubectl_patch", "Patch fields of a resource.", resourceType="s! Type", name="s! Name", namespace="s! Namespace", patchData="o! Patch"),
    tool("kubectl_delete", "Delete resources.", resourceType="s! Type", name="s Name", namespace="s! Namespace"),
    tool("exec_in_pod", "Execute a command in a pod.", name="s! Pod", namespace="s! Namespace", command="as! Command"),
]
HELPDESK = [
    tool("list_tickets", "List support tickets.", status="s Status", assignee="s Assignee", page="i Page"),
    tool("get_ticket", "Get a ticket with its conversation.", ticket_id="i! Ticket"),
    tool("reply_to_ticket", "Send a public reply to the requester of a ticket.", ticket_id="i! Ticket", body="s! Text"),
    tool("add_internal_note", "Add a note that only agents see.", ticket_id="i! Ticket", body="s! Text"),
    tool("update_ticket", "Change status, priority, tags or assignee of a ticket.", ticket_id="i! Ticket", status="s Status", priority="s Priority", tags="as Tags", assignee="s Assignee"),
    tool("search_articles", "Search the help centre.", query="s! Query"),
    tool("reset_customer_password", "Set a new password for a customer.", customer_email="s! Customer", new_password="s! Password"),
    tool("issue_credit", "Give a customer account a credit.", customer_email="s! Customer", amount="n! Amount", reason="s Reason"),
]
