"""Files, shells, browsers, search, databases: what coding agents and desktop assistants have."""

from author import tool

FILES = [
    tool("read_text_file", "Read the complete contents of a file from the file system as text. Only works within allowed directories.", path="s! Path", head="n First lines only", tail="n Last lines only"),
    tool("read_multiple_files", "Read the contents of several files at once.", paths="as! Paths"),
    tool("write_file", "Create a new file or completely overwrite an existing file with new content. Only works within allowed directories.", path="s! Path", content="s! Content"),
    tool("edit_file", "Make line-based edits to a text file; returns a diff.", path="s! Path", edits="ao! Objects with oldText and newText", dryRun="b Preview only"),
    tool("create_directory", "Create a new directory or ensure that a directory exists.", path="s! Path"),
    tool("list_directory", "Get a listing of all files and directories in a path, marked [FILE] or [DIR].", path="s! Path"),
    tool("directory_tree", "Get a recursive tree view of files and directories as JSON.", path="s! Path"),
    tool("move_file", "Move or rename files and directories. Fails if the destination exists.", source="s! Source", destination="s! Destination"),
    tool("delete_file", "Delete a file.", path="s! Path"),
    tool("search_files", "Recursively search for files and directories that match a pattern.", path="s! Start", pattern="s! Pattern", excludePatterns="as Patterns to leave out"),
    tool("get_file_info", "Retrieve metadata about a file or directory.", path="s! Path"),
    tool("list_allowed_directories", "Lists the directories that this server may access."),
]
CODE = [
    tool("Bash", "Executes a bash command in a persistent shell session with an optional timeout.", command="s! The command to execute", description="s What the command does in 5-10 words", timeout="n Milliseconds", run_in_background="b Run in the background"),
    tool("Read", "Reads a file from the local filesystem.", file_path="s! Absolute path", offset="n First line", limit="n Number of lines"),
    tool("Edit", "Performs exact string replacements in files.", file_path="s! Absolute path", old_string="s! Text to replace", new_string="s! New text", replace_all="b Every occurrence"),
    tool("Write", "Writes a file to the local filesystem, overwriting an existing one.", file_path="s! Absolute path", content="s! Content"),
    tool("Glob", "Fast file pattern matching.", pattern="s! Glob pattern", path="s Directory"),
    tool("Grep", "Search file contents with a regular expression.", pattern="s! Regular expression", path="s File or directory", glob="s File filter", output_mode="e:content,files_with_matches,count Output mode"),
    tool("WebFetch", "Fetches content from a URL and processes it with a prompt.", url="s! URL", prompt="s! What to extract"),
    tool("WebSearch", "Searches the web.", query="s! Query"),
    tool("TodoWrite", "Creates and manages a structured task list for the current session.", todos="ao! Items with content and status"),
]
SEARCH = [
    tool("brave_web_search", "Performs a web search with the Brave Search API; for general queries, news, articles and online content.", query="s! Query (max 400 chars, 50 words)", count="n Number of results", offset="n Pagination offset"),
    tool("fetch", "Fetches a URL from the internet and optionally extracts its contents as markdown.", url="s! URL to fetch", max_length="i Maximum number of characters", start_index="i Start at this character", raw="b Raw HTML"),
]
BROWSER = [
    tool("browser_navigate", "Navigate to a URL", url="s! The URL to navigate to"),
    tool("browser_navigate_back", "Go back to the previous page"),
    tool("browser_snapshot", "Capture accessibility snapshot of the current page, this is better than screenshot"),
    tool("browser_take_screenshot", "Take a screenshot of the current page", filename="s File name"),
    tool("browser_click", "Perform click on a web page", element="s! Human-readable element description", ref="s! Exact target element reference from the page snapshot", doubleClick="b Double click"),
    tool("browser_type", "Type text into editable element", element="s! Human-readable element description", ref="s! Exact target element reference", text="s! Text to type", submit="b Press Enter after"),
    tool("browser_fill_form", "Fill multiple form fields", fields="ao! Fields to fill in"),
    tool("browser_select_option", "Select an option in a dropdown", element="s! Element description", ref="s! Element reference", values="as! Values"),
    tool("browser_press_key", "Press a key on the keyboard", key="s! Key"),
    tool("browser_wait_for", "Wait for text to appear or disappear or a specified time to pass", time="n Seconds", text="s Text"),
    tool("browser_evaluate", "Evaluate JavaScript expression on page or element", function="s! Function"),
    tool("browser_file_upload", "Upload one or multiple files", paths="as! Absolute paths"),
    tool("browser_tabs", "List, create, close, or select a browser tab.", action="e:list,new,close,select! Operation", index="n Tab"),
    tool("browser_handle_dialog", "Handle a dialog", accept="b! Accept or not", promptText="s Text"),
]
SQL = [
    tool("list_tables", "List all tables in the database", schema="s Schema"),
    tool("describe_table", "Get the schema information for a specific table", table_name="s! Name of the table"),
    tool("read_query", "Execute a SELECT query on the database", query="s! SELECT SQL query"),
    tool("write_query", "Execute an INSERT, UPDATE or DELETE query on the database", query="s! SQL query"),
    tool("create_table", "Create a new table in the database", query="s! CREATE TABLE statement"),
    tool("append_insight", "Add a business insight to the memo", insight="s! Insight discovered from data analysis"),
]
POSTGRES = [
    tool("query", "Run a SQL query against the PostgreSQL database", sql="s! SQL"),
    tool("list_schemas", "List all schemas in the database"),
    tool("explain_query", "Explain the execution plan of a query", sql="s! SQL"),
]
MEMORY = [
    tool("create_entities", "Create multiple new entities in the knowledge graph", entities="ao! Entities"),
    tool("create_relations", "Create multiple new relations between entities in the knowledge graph", relations="ao! Relations"),
    tool("add_observations", "Add new observations to existing entities in the knowledge graph", observations="ao! Observations"),
    tool("delete_entities", "Delete multiple entities and their relations from the knowledge graph", entityNames="as! Names"),
    tool("read_graph", "Read the entire knowledge graph"),
    tool("search_nodes", "Search for nodes in the knowledge graph based on a query", query="s! Query"),
]
TODO = [
    tool("get_tasks", "Get a list of tasks from Todoist with filters.", project_id="s Project", filter="s Todoist filter such as `today`"),
    tool("create_task", "Create a new task in Todoist.", content="s! Title", description="s Details", due_string="s Due date in words", priority="n 1 to 4", project_id="s Project"),
    tool("update_task", "Update an existing task in Todoist.", task_id="s! Task", content="s Title", due_string="s Due date", priority="n Priority"),
    tool("complete_task", "Mark a task as complete in Todoist.", task_id="s! Task"),
    tool("delete_task", "Delete a task from Todoist.", task_id="s! Task"),
    tool("get_projects", "Get all projects in Todoist."),
]
