// The function app on Flex Consumption, with all its settings.
import { Settings, Tags } from 'types.bicep'

param location string
param tags Tags
param token string
param identityId string
param identityClientId string
param packageContainerUrl string
param blobEndpoint string
param queueEndpoint string
param tableEndpoint string
param applicationInsightsConnection string
param subnetId string
param maximumInstanceCount int
param instanceMemoryMB int
param dataverseUrl string
param finopsUrl string
param company string
@description('What is chosen; an empty setting has the default of the code.')
param settings Settings

var names = loadJsonContent('names.json')
// The Functions host reads these by itself and knows no defaults of ours: not of a schedule, and a blank time limit would
// mean its own half hour, while the code reckons with five minutes.
var readByTheHost = toObject(
  items(names.readByTheHost),
  of => of.key,
  of => empty(settings[?of.key]) ? of.value : settings[of.key]
)

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-${token}'
  location: location
  // The name of the service in azure.yaml.
  tags: { ...tags, 'azd-service-name': 'sync' }
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: names.python
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
    }
  }
}

// Each deployment replaces all settings: what is changed in the portal is lost.
resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: {
    ...settings
    ...readByTheHost
    AzureWebJobsStorage__blobServiceUri: blobEndpoint
    AzureWebJobsStorage__queueServiceUri: queueEndpoint
    AzureWebJobsStorage__tableServiceUri: tableEndpoint
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    AZURE_CLIENT_ID: identityClientId
    APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnection
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    // As many as functions can run at once: docs/settings.md.
    PYTHON_THREADPOOL_THREAD_COUNT: '110'
    DATAVERSE_URL: dataverseUrl
    FINOPS_URL: finopsUrl
    COMPANY: company
  }
}

// azd deploys by Entra tokens; nobody publishes by a password.
resource publishingByFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource publishingByGit 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
