//! A client that takes scripts of the operations `list` and `call`, and prints the report of the other clients.

use crate::Options;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient, ServiceError};
use serde_json::{Value, json};

type Session = RunningService<RoleClient, ()>;

pub async fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let script = options.get("--script").ok_or("say --script")?;
    let text = if script.starts_with('[') { script.to_owned() } else { std::fs::read_to_string(script)? };
    let script: Vec<Value> = serde_json::from_str(&text)?;
    let lifecycle = match options.get("--era") {
        Some("legacy") => ClientLifecycleMode::Initialize,
        _ => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
    };
    let session: Session = match options.command.split_first() {
        Some((program, arguments)) => {
            let mut command = tokio::process::Command::new(program);
            command.args(arguments);
            ().serve_with_lifecycle(TokioChildProcess::new(command)?, lifecycle).await?
        }
        None => {
            let url = options.get("--url").ok_or("say --url or --command")?;
            let mut config = StreamableHttpClientTransportConfig::with_uri(url);
            if let Some(token) = options.get("--token") {
                config = config.auth_header(token);
            }
            ().serve_with_lifecycle(StreamableHttpClientTransport::from_config(config), lifecycle).await?
        }
    };
    let era = session.peer_info().map_or(Value::Null, |info| json!(info.protocol_version));
    let mut results = Vec::new();
    for operation in &script {
        results.push(match perform(&session, operation).await {
            Ok(result) => json!({ "op": operation["op"], "result": result }),
            Err(ServiceError::McpError(error)) => json!({ "op": operation["op"], "error": error }),
            Err(error) => json!({ "op": operation["op"], "error": { "message": error.to_string() } }),
        });
    }
    session.cancel().await?;
    println!("{}", json!({ "client": "rmcp", "era": era, "results": results, "asked": [], "notifications": [] }));
    Ok(())
}

async fn perform(session: &Session, operation: &Value) -> Result<Value, ServiceError> {
    let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
    Ok(match (operation["op"].as_str(), operation["what"].as_str()) {
        (Some("list"), Some("tools")) => json!(session.list_all_tools().await?),
        (Some("list"), Some("prompts")) => json!(session.list_all_prompts().await?),
        (Some("list"), Some("resources")) => json!(session.list_all_resources().await?),
        (Some("call"), _) => {
            let mut call = CallToolRequestParams::new(text("name"));
            call.arguments = operation["arguments"].as_object().cloned();
            json!(session.call_tool(call).await?)
        }
        _ => json!({ "unknown": operation }),
    })
}
