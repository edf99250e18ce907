// @opensearch-project/opensearch against one gateway, with node's own test runner (scripts/clients sets it up).
// The environment names the two servers: GATEWAY and PROVIDER. Steps run in order and share what they make.
'use strict';

const assert = require('node:assert/strict');
const { createHash, randomUUID } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { Client, errors } = require('@opensearch-project/opensearch');

const { GATEWAY, PROVIDER } = process.env;
const client = new Client({ node: GATEWAY, maxRetries: 0 });
const { ml } = client;
const name = `flow ${randomUUID()}`;

// The four numbers that the scripted provider answers for a text.
const vector = (text) =>
  [...createHash('sha256').update(text).digest().subarray(0, 4)].map((byte) => Number(((byte - 128) / 256).toFixed(6)));

const blueprint = (path, requestBody, functions = {}) => ({
  name,
  version: 1,
  protocol: 'http',
  parameters: { model: 'a-model' },
  credential: { key: 'sk-flow' },
  actions: [
    {
      action_type: 'predict',
      method: 'POST',
      url: PROVIDER + path,
      headers: { Authorization: 'Bearer ${credential.key}' },
      request_body: requestBody,
      ...functions,
    },
  ],
});

const refused = (status, text) => (error) => {
  assert(error instanceof errors.ResponseError, String(error));
  assert.equal(error.statusCode, status);
  assert.equal(error.body.status, status);
  assert.match(error.body.error.reason, text);
  return true;
};

const registered = async (connectorId, group) => {
  const { body } = await ml.registerModel({
    body: { name: `${name} ${randomUUID()}`, function_name: 'remote', connector_id: connectorId, model_group_id: group },
  });
  assert.equal(body.status, 'CREATED');
  return body;
};

before(async () => {
  await client.cluster.putSettings({
    body: {
      persistent: {
        'plugins.ml_commons.trusted_connector_endpoints_regex': [`^${PROVIDER.replaceAll('.', '\\.')}/.*$`],
        'plugins.ml_commons.connector.private_ip_enabled': true,
      },
    },
  });
});

after(() => client.close());

describe('the life of a remote model', () => {
  const made = {};

  it('info and health are what the client expects', async () => {
    assert.equal((await client.info()).body.version.distribution, 'opensearch');
    assert.equal((await client.ping()).body, true);
    assert.equal((await client.cluster.health()).body.status, 'green');
  });

  it('a connector is made, shown without its credential, changed and found', async () => {
    const chat = blueprint('/v1/chat/completions', '{ "model": "${parameters.model}", "messages": ${parameters.messages} }');
    made.connector = (await ml.createConnector({ body: chat })).body.connector_id;
    await ml.updateConnector({ connector_id: made.connector, body: { description: 'changed' } });
    const { body } = await ml.getConnector({ connector_id: made.connector });
    assert.equal(body.description, 'changed');
    assert(!('credential' in body));
    const found = await ml.searchConnectors({ body: { query: { ids: { values: [made.connector] } } } });
    assert.deepEqual(found.body.hits.total, { value: 1, relation: 'eq' });
  });

  it('a group is made, renamed and found', async () => {
    made.group = (await ml.registerModelGroup({ body: { name } })).body.model_group_id;
    const renamed = `${name} renamed`;
    await ml.updateModelGroup({ model_group_id: made.group, body: { name: renamed } });
    assert.equal((await ml.getModelGroup({ model_group_id: made.group })).body.name, renamed);
    const found = await ml.searchModelGroup({ body: { query: { term: { 'name.keyword': renamed } } } });
    assert.deepEqual(found.body.hits.hits.map((hit) => hit._id), [made.group]);
  });

  it('a model is registered with a finished task', async () => {
    Object.assign(made, await registered(made.connector, made.group));
    const { body } = await ml.getTask({ task_id: made.task_id });
    assert.deepEqual([body.task_type, body.state, body.model_id], ['REGISTER_MODEL', 'COMPLETED', made.model_id]);
  });

  it('it deploys, and is not deleted while it is deployed', async () => {
    const { body } = await ml.deployModel({ model_id: made.model_id });
    assert.deepEqual([body.task_type, body.status], ['DEPLOY_MODEL', 'COMPLETED']);
    assert.equal((await ml.getModel({ model_id: made.model_id })).body.model_state, 'DEPLOYED');
    await assert.rejects(ml.deleteModel({ model_id: made.model_id }), refused(400, /deployed state/));
  });

  it('both predict routes answer', async () => {
    const body = { parameters: { messages: [{ role: 'user', content: 'hello' }] } };
    for (const reply of [
      await ml.predictModel({ model_id: made.model_id, body }),
      await ml.predict({ algorithm_name: 'remote', model_id: made.model_id, body }),
    ]) {
      const [{ output, status_code }] = reply.body.inference_results;
      assert.equal(status_code, 200);
      assert.equal(output[0].dataAsMap.choices[0].message.content, 'You said: hello');
    }
  });

  it('an updated model is read back and found', async () => {
    await ml.updateModel({ model_id: made.model_id, body: { description: 'changed' } });
    const query = { term: { 'model_group_id': made.group } };
    const { body } = await ml.searchModels({ body: { query } });
    assert.deepEqual(body.hits.hits.map((hit) => hit._source.description), ['changed']);
    const tasks = await ml.searchTasks({ body: { query: { term: { model_id: made.model_id } } } });
    assert.equal(tasks.body.hits.total.value, 2);
  });

  it('statistics and profile know it', async () => {
    const stats = (await ml.getStats({ stat: 'ml_model_count' })).body;
    assert(stats.ml_model_count >= 1);
    const [node] = Object.values((await ml.getProfileModels({ model_id: made.model_id })).body.nodes);
    assert.equal(node.models[made.model_id].model_state, 'DEPLOYED');
    assert.deepEqual((await ml.getProfileTasks({ task_id: made.task_id })).body, {});
    assert('nodes' in (await ml.getProfile({ body: { return_all_models: true } })).body);
  });

  it('everything is undeployed and removed', async () => {
    const [node] = Object.values((await ml.undeployModel({ body: { model_ids: [made.model_id] } })).body);
    assert.deepEqual(node.stats, { [made.model_id]: 'undeployed' });
    for (const { body } of [
      await ml.deleteModel({ model_id: made.model_id }),
      await ml.deleteTask({ task_id: made.task_id }),
      await ml.deleteConnector({ connector_id: made.connector }),
      await ml.deleteModelGroup({ model_group_id: made.group }),
    ]) {
      assert.equal(body.result, 'deleted');
    }
  });
});

describe('predictions', () => {
  it('text_docs become vectors in order', async () => {
    const functions = {
      pre_process_function: 'connector.pre_process.openai.embedding',
      post_process_function: 'connector.post_process.openai.embedding',
    };
    const embeddings = blueprint('/v1/embeddings', '{ "model": "${parameters.model}", "input": ${parameters.input} }', functions);
    const connector = (await ml.createConnector({ body: embeddings })).body.connector_id;
    const { model_id } = await registered(connector);
    const texts = ['a rose', 'said "hi"', 'ünï'];
    const { body } = await ml.predict({ algorithm_name: 'text_embedding', model_id, body: { text_docs: texts } });
    const tensors = body.inference_results.flatMap((part) => part.output);
    assert.deepEqual(tensors.map((tensor) => tensor.data), texts.map(vector));
  });

  it('an integer beyond 53 bits goes out and comes back exactly', async () => {
    const exact = new Client({ node: GATEWAY, maxRetries: 0, enableLongNumeralSupport: true });
    const answers = async (path, body, parameters) => {
      const connector = (await ml.createConnector({ body: blueprint(path, body) })).body.connector_id;
      const { model_id } = await registered(connector);
      const reply = await exact.ml.predictModel({ model_id, body: { parameters } });
      return reply.body.inference_results[0].output[0].dataAsMap;
    };
    const sent = await answers('/echo', '{"n":${parameters.n}}', { n: 9007199254740993n });
    assert.equal(sent.body, '{"n":9007199254740993}');
    const body = encodeURIComponent(Buffer.from(sent.body).toString('base64'));
    const given = await answers(`/status/200?body=${body}`, '{}', {});
    assert.equal(given.n, 9007199254740993n);
    await exact.close();
  });

  it("a provider's error keeps its status", async () => {
    const connector = (await ml.createConnector({ body: blueprint('/status/418', '{}') })).body.connector_id;
    const { model_id } = await registered(connector);
    await assert.rejects(ml.predictModel({ model_id, body: { parameters: {} } }), refused(418, /^Error from remote service/));
  });
});

describe('refusals', () => {
  it('unknown ids are 404', async () => {
    const id = 'none-of-ours';
    await assert.rejects(ml.getModel({ model_id: id }), refused(404, /^Failed to find model/));
    await assert.rejects(ml.getConnector({ connector_id: id }), refused(404, /^Failed to find connector/));
    await assert.rejects(ml.getTask({ task_id: id }), refused(404, /^Failed to find task/));
    await assert.rejects(ml.getModelGroup({ model_group_id: id }), refused(404, /^Failed to find model group/));
  });

  it('an untrusted endpoint and a nameless connector are 400', async () => {
    const elsewhere = blueprint('/echo', '{}', { url: 'https://untrusted.example.org/v1' });
    await assert.rejects(ml.createConnector({ body: elsewhere }), refused(400, /trusted connector endpoint/));
    await assert.rejects(ml.createConnector({ body: { ...blueprint('/echo', '{}'), name: undefined } }), refused(400, /name is null/));
  });
});
